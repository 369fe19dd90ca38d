//! The terminal of the live view: taken over and given back, also when a signal ends the command or the terminal is gone.
//!
//! A thread watches for both, because the thread that draws may wait for the terminal, and because crossterm's `poll` never
//! returns once the terminal has hung up: it reads the end of the file in a loop.
use ratatui::DefaultTerminal;
use ratatui::crossterm::cursor::Show;
use ratatui::crossterm::execute;
use ratatui::crossterm::terminal::disable_raw_mode;
use signal_hook::consts::{SIGHUP, SIGINT, SIGQUIT, SIGTERM};
use signal_hook::iterator::Signals;
use signal_hook::low_level::emulate_default_handler;
use std::io::{self, IsTerminal};
use std::mem::{self, ManuallyDrop};
use std::sync::{Arc, Mutex, PoisonError, mpsc};
use std::thread::{self, sleep};
use std::time::Duration;

/// How often signals and the terminal are looked at.
const INTERVAL: Duration = Duration::from_millis(50);
/// How long the terminal may take for what leaves the alternate screen.
const PATIENCE: Duration = Duration::from_secs(5);

/// The terminal in its alternate screen, raw. Given back when dropped.
pub(crate) struct Terminal {
    /// Its drop and `ratatui::restore` write their errors, which is a panic if the error stream is gone with the terminal.
    terminal: ManuallyDrop<DefaultTerminal>,
    /// Held while something is drawn, and for good by the thread that ends the process.
    drawing: Arc<Mutex<()>>,
}

impl Terminal {
    /// Takes over the terminal of standard input and output.
    pub(crate) fn take() -> io::Result<Terminal> {
        let handled: Vec<i32> =
            [SIGHUP, SIGINT, SIGQUIT, SIGTERM].into_iter().filter(|signal| !is_ignored(*signal)).collect();
        let signals = Signals::new(handled)?;
        let drawing = Arc::new(Mutex::new(()));
        let terminal = Terminal { terminal: ManuallyDrop::new(ratatui::try_init()?), drawing: drawing.clone() };
        thread::Builder::new().name("terminal".to_owned()).spawn(move || watch(signals, drawing))?;
        Ok(terminal)
    }

    pub(crate) fn draw(&mut self, render: impl FnOnce(&mut ratatui::Frame<'_>)) -> io::Result<()> {
        let _drawing = self.drawing.lock().unwrap_or_else(PoisonError::into_inner);
        self.terminal.draw(render).map(|_| ())
    }
}

impl Drop for Terminal {
    fn drop(&mut self) {
        restore();
    }
}

/// Sets the mode of before, leaves the alternate screen and shows the cursor, as far as there still is a terminal.
fn restore() {
    let _ = ratatui::try_restore();
    let _ = execute!(io::stdout(), Show);
}

/// Ends the process as soon as a signal comes or the terminal is gone.
fn watch(mut signals: Signals, drawing: Arc<Mutex<()>>) {
    loop {
        if let Some(signal) = signals.pending().next() {
            give_back(drawing);
            // Ends the process as the signal does without a handler, so that its parent sees that.
            let _ = emulate_default_handler(signal);
            std::process::exit(1);
        }
        if !io::stdin().is_terminal() {
            std::process::exit(1);
        }
        sleep(INTERVAL);
    }
}

/// Gives the terminal back, from now on without anything drawn. If it takes no output, only its mode is set.
fn give_back(drawing: Arc<Mutex<()>>) {
    let (done, is_done) = mpsc::channel();
    // Waits for the thread that draws, and for the terminal.
    thread::spawn(move || {
        let held = drawing.lock().unwrap_or_else(PoisonError::into_inner);
        restore();
        mem::forget(held);
        done.send(())
    });
    if is_done.recv_timeout(PATIENCE).is_err() {
        let _ = disable_raw_mode();
    }
}

/// Whether this process was started with the signal ignored, as by nohup; then it stays so.
fn is_ignored(signal: i32) -> bool {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let mask = status.lines().find_map(|line| line.strip_prefix("SigIgn:"));
    let mask = mask.and_then(|mask| u64::from_str_radix(mask.trim(), 16).ok()).unwrap_or(0);
    mask >> (signal - 1) & 1 == 1
}
