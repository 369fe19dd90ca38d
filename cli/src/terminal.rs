//! Takes over the terminal for the live view, and restores it when the view or a signal ends the command.
//!
//! A thread polls for signals and for a hangup of the terminal. The drawing thread cannot, because it may block on the
//! terminal, and because crossterm's `poll` never returns after a hangup: it reads the end of the file in a loop.
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

/// How often the thread polls for signals and a hangup.
const INTERVAL: Duration = Duration::from_millis(50);
/// How long restoring the terminal may block. After that only its mode is restored.
const PATIENCE: Duration = Duration::from_secs(5);

/// The terminal in raw mode on its alternate screen. Restored when dropped.
pub(crate) struct Terminal {
    /// Never dropped: its drop and `ratatui::restore` print errors by `eprintln!`, which panics after a hangup of the
    /// terminal if standard error is on it.
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

/// Restores the terminal's mode, leaves the alternate screen and shows the cursor. Ignores errors: the terminal may be
/// gone.
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

/// Restores the terminal; nothing is drawn afterwards. If it takes no output within [`PATIENCE`], only its mode is
/// restored.
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

/// Whether this process was started with the signal ignored, as by nohup. Such a signal stays ignored.
fn is_ignored(signal: i32) -> bool {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let mask = status.lines().find_map(|line| line.strip_prefix("SigIgn:"));
    let mask = mask.and_then(|mask| u64::from_str_radix(mask.trim(), 16).ok()).unwrap_or(0);
    mask >> (signal - 1) & 1 == 1
}
