//! The live view of `calmkeeper top`. Owns what is shown; `terminal` owns the terminal. Uses plain letters and colours,
//! so that it works over ssh.
use crate::Failure;
use crate::publications::{Reading, Row, read};
use crate::terminal::Terminal;
use crate::top::{COLUMNS, cells, total};
use ratatui::Frame;
use ratatui::crossterm::event::{self, Event, KeyCode, KeyEventKind, KeyModifiers};
use ratatui::layout::{Constraint, Layout};
use ratatui::style::{Color, Modifier, Style};
use ratatui::text::Line;
use ratatui::widgets::{Cell, Row as TableRow, Table, TableState};
use std::collections::BTreeMap;
use std::io::{self, IsTerminal};
use std::path::Path;
use std::time::{Duration, Instant};

/// Widths of the columns; the server list takes the rest.
const WIDTHS: [Constraint; 11] = [
    Constraint::Length(7),
    Constraint::Max(16),
    Constraint::Fill(1),
    Constraint::Min(9),
    Constraint::Length(5),
    Constraint::Max(16),
    Constraint::Length(5),
    Constraint::Length(6),
    Constraint::Length(7),
    Constraint::Length(7),
    Constraint::Length(6),
];

/// Shows the folder until the user quits.
pub(crate) fn run(folder: &Path, interval: Duration) -> Result<(), Failure> {
    if !io::stdout().is_terminal() || !io::stdin().is_terminal() {
        return Err(Failure::usage("top needs a terminal; use --once or --json"));
    }
    // Read before the terminal is taken over, so that a wrong folder gives a plain error line.
    let reading = read(folder)?;
    let mut terminal = Terminal::take().map_err(|error| Failure::failed(format!("no use of the terminal: {error}")))?;
    show(&mut terminal, folder, interval, reading)
}

fn show(terminal: &mut Terminal, folder: &Path, interval: Duration, mut reading: Reading) -> Result<(), Failure> {
    let failed = |error: io::Error| Failure::failed(format!("no use of the terminal: {error}"));
    let (mut before, mut selected) = (Vec::new(), TableState::default().with_selected(0));
    let mut next = Instant::now() + interval;
    loop {
        terminal.draw(|frame| draw(frame, folder, &reading, &before, &mut selected)).map_err(failed)?;
        if !event::poll(next.saturating_duration_since(Instant::now())).map_err(failed)? {
            let fresh = read(folder)?;
            before = std::mem::replace(&mut reading, fresh).rows;
            next = Instant::now() + interval;
            continue;
        }
        if let Event::Key(key) = event::read().map_err(failed)?
            && key.kind == KeyEventKind::Press
        {
            match key.code {
                KeyCode::Char('q') | KeyCode::Esc => return Ok(()),
                KeyCode::Char('c') if key.modifiers.contains(KeyModifiers::CONTROL) => return Ok(()),
                KeyCode::Down | KeyCode::Char('j') => selected.select_next(),
                KeyCode::Up | KeyCode::Char('k') => selected.select_previous(),
                _ => {}
            }
        }
    }
}

fn draw(frame: &mut Frame<'_>, folder: &Path, reading: &Reading, before: &[Row], selected: &mut TableState) {
    let [head, body, foot] =
        Layout::vertical([Constraint::Length(1), Constraint::Fill(1), Constraint::Length(1)]).areas(frame.area());
    let handles = total(reading.rows.iter().map(|row| row.handles));
    let connected = total(reading.rows.iter().flat_map(|row| &row.states).filter_map(connected));
    let title = format!("calmkeeper top  {}  handles {handles}, connected {connected}", folder.display());
    frame.render_widget(Line::from(title), head);
    let before: BTreeMap<(u32, &str), &Row> = before.iter().map(|row| ((row.pid, &*row.servers), row)).collect();
    let earlier = |row: &Row| before.get(&(row.pid, &*row.servers)).copied();
    let rows = reading.rows.iter().map(|row| TableRow::new(cells(row, earlier(row)).map(Cell::from)).style(style(row)));
    let heading = TableRow::new(COLUMNS).style(Style::new().add_modifier(Modifier::BOLD));
    let table =
        Table::new(rows, WIDTHS).header(heading).row_highlight_style(Style::new().add_modifier(Modifier::REVERSED));
    frame.render_stateful_widget(table, body, selected);
    let foot_text = match reading.refused.first() {
        Some(refused) => format!("q quit   not shown: {refused}"),
        None => "q quit   up, down: choose a line".to_owned(),
    };
    frame.render_widget(Line::from(foot_text), foot);
}

fn connected((state, count): (&String, &u64)) -> Option<u64> {
    state.starts_with("connected").then_some(*count)
}

/// Red for lost connections, yellow for handles that are connecting, dim for stale rows.
fn style(row: &Row) -> Style {
    let has = |states: &[&str]| row.states.keys().any(|state| states.contains(&state.as_str()));
    if row.is_stale {
        Style::new().add_modifier(Modifier::DIM)
    } else if has(&["expired", "auth_failed"]) {
        Style::new().fg(Color::Red)
    } else if has(&["pausing", "connecting"]) {
        Style::new().fg(Color::Yellow)
    } else {
        Style::new()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use ratatui::Terminal;
    use ratatui::backend::TestBackend;

    #[test]
    fn a_narrow_terminal_shows_process_state_and_pause() {
        let row = Row {
            pid: 4711,
            program: "worker".to_owned(),
            servers: "zk1:2181,zk2:2181".to_owned(),
            handles: 1,
            states: BTreeMap::from([("pausing".to_owned(), 1)]),
            pause_left: Some(3.0),
            ..Row::default()
        };
        let reading = Reading { rows: vec![row], refused: Vec::new() };
        let mut terminal = Terminal::new(TestBackend::new(100, 6)).unwrap();
        let mut selected = TableState::default();
        terminal.draw(|frame| draw(frame, Path::new("/run/x"), &reading, &[], &mut selected)).unwrap();
        let shown = terminal.backend().to_string();
        for wanted in ["/run/x", "handles 1, connected 0", "4711", "worker", "pausing", "3.0s", "q quit"] {
            assert!(shown.contains(wanted), "{wanted} in\n{shown}");
        }
    }
}
