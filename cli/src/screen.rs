//! The live view of `calmkeeper top`. Owns what is shown; `terminal` owns the terminal. Uses plain letters and colours,
//! so that it works over ssh.
use crate::Failure;
use crate::columns::{cut, fit, width};
use crate::publications::{Reading, Row, Validity, read};
use crate::terminal::Terminal;
use crate::top::{COLUMNS, cells, total};
use ratatui::Frame;
use ratatui::crossterm::event::{self, Event, KeyCode, KeyEventKind, KeyModifiers};
use ratatui::layout::{Constraint, Layout};
use ratatui::style::{Color, Modifier, Style};
use ratatui::text::Line;
use ratatui::widgets::{Row as TableRow, Table, TableState};
use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write;
use std::io::{self, IsTerminal};
use std::path::Path;
use std::time::{Duration, Instant};

/// Shows the folder until the user quits.
pub(crate) fn run(folder: &Path, interval: Duration) -> Result<(), Failure> {
    if !io::stdout().is_terminal() || !io::stdin().is_terminal() {
        return Err(Failure::usage("top needs a terminal; use --once or --json"));
    }
    if std::env::var_os("TERM").is_none_or(|kind| kind.is_empty() || kind == "dumb") {
        return Err(Failure::usage("TERM names no terminal that can be drawn on; use --once or --json"));
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
    let room = usize::from(body.width);
    frame.render_widget(Line::from(cut(&title(folder, reading), room)), head);
    let before: BTreeMap<(u32, &str), &Row> = before.iter().map(|row| ((row.pid, &*row.servers), row)).collect();
    let earlier = |row: &Row| before.get(&(row.pid, &*row.servers)).copied();
    let texts: Vec<[String; 11]> = reading.rows.iter().map(|row| cells(row, earlier(row))).collect();
    let mut natural = COLUMNS.map(width);
    for text in &texts {
        for (widest, cell) in natural.iter_mut().zip(text) {
            *widest = width(cell).max(*widest);
        }
    }
    let columns = fit(&natural, room);
    let line = |text: &[String; 11]| {
        let cell = |(index, most): &(usize, usize)| text.get(*index).map(|cell| cut(cell, *most));
        TableRow::new(columns.iter().filter_map(cell).collect::<Vec<_>>())
    };
    let rows = texts.iter().zip(&reading.rows).map(|(text, row)| line(text).style(style(row)));
    let heading = line(&COLUMNS.map(str::to_owned)).style(Style::new().add_modifier(Modifier::BOLD));
    let widths = columns.iter().map(|(_, width)| Constraint::Length(u16::try_from(*width).unwrap_or(u16::MAX)));
    let table =
        Table::new(rows, widths).header(heading).row_highlight_style(Style::new().add_modifier(Modifier::REVERSED));
    frame.render_stateful_widget(table, body, selected);
    let hidden: Vec<&str> = (0..COLUMNS.len())
        .filter(|index| !columns.iter().any(|(shown, _)| shown == index))
        .filter_map(|index| COLUMNS.get(index).copied())
        .collect();
    let foot_text = match reading.refused.first() {
        Some(refused) => format!("q quit   not shown: {refused}"),
        None if hidden.is_empty() => "q quit   up, down: choose a line".to_owned(),
        None => format!("q quit   no room for {}", hidden.join(", ")),
    };
    frame.render_widget(Line::from(cut(&foot_text, room)), foot);
}

/// The first line: the sums over the running processes, and the number of processes that are not in them.
fn title(folder: &Path, reading: &Reading) -> String {
    let current = || reading.rows.iter().filter(|row| row.validity == Validity::Current);
    let handles = total(current().map(|row| row.handles));
    let connected = total(current().flat_map(|row| &row.states).filter_map(connected));
    let mut title = format!("calmkeeper top  handles {handles}, connected {connected}");
    for (validity, name) in [(Validity::Stale, "stale"), (Validity::Unknown, "unknown")] {
        let processes: BTreeSet<u32> =
            reading.rows.iter().filter(|row| row.validity == validity).map(|row| row.pid).collect();
        if !processes.is_empty() {
            let _ = write!(title, ", {name} processes {}", processes.len());
        }
    }
    let _ = write!(title, "  {}", folder.display());
    title
}

fn connected((state, count): (&String, &u64)) -> Option<u64> {
    state.starts_with("connected").then_some(*count)
}

/// Red for lost connections, yellow for handles that are connecting, dim for rows that are not current.
fn style(row: &Row) -> Style {
    let has = |states: &[&str]| row.states.keys().any(|state| states.contains(&state.as_str()));
    if row.validity != Validity::Current {
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

    /// What a terminal of this width shows.
    fn shown(rows: Vec<Row>, columns: u16) -> String {
        let reading = Reading { rows, refused: Vec::new() };
        let mut terminal = Terminal::new(TestBackend::new(columns, 6)).unwrap();
        let mut selected = TableState::default();
        terminal.draw(|frame| draw(frame, Path::new("/run/x"), &reading, &[], &mut selected)).unwrap();
        terminal.backend().to_string()
    }

    fn row(states: &[(&str, u64)]) -> Row {
        Row {
            pid: 4711,
            program: "worker".to_owned(),
            servers: "zk1.example.com:2181,zk2.example.com:2181,zk3.example.com:2181".to_owned(),
            handles: states.iter().map(|(_, count)| count).sum(),
            states: states.iter().map(|(state, count)| ((*state).to_owned(), *count)).collect(),
            pause_left: Some(3.0),
            ..Row::default()
        }
    }

    #[test]
    fn a_narrow_terminal_shows_process_state_and_pause() {
        let text = shown(vec![row(&[("pausing", 1)])], 100);
        for wanted in ["/run/x", "handles 1, connected 0", "4711", "worker", "pausing", "3.0s", "q quit"] {
            assert!(text.contains(wanted), "{wanted} in\n{text}");
        }
    }

    #[test]
    fn no_width_changes_what_a_state_says() {
        let (mixed, read_only) = (row(&[("connected", 3), ("pausing", 1)]), row(&[("connected_read_only", 4)]));
        for (columns, row, state) in [
            (80, &mixed, "connected 3, pausing 1"),
            (80, &read_only, "connected_read_only x4"),
            (100, &mixed, "connected 3, pausing 1"),
            (120, &read_only, "connected_read_only x4"),
            (20, &mixed, "4711 connected 3, p…"),
        ] {
            let text = shown(vec![row.clone()], columns);
            assert!(text.contains(state), "{state} in\n{text}");
            assert!(columns < 80 || text.contains("zk1.example"), "{text}");
            assert_eq!(text.contains("no room"), columns < 100, "{text}");
        }
        for columns in 1..20 {
            shown(vec![mixed.clone()], columns);
        }
    }

    #[test]
    fn only_running_processes_are_counted() {
        let (dead, hidden) = (Row { validity: Validity::Stale, ..row(&[("connected", 4)]) }, row(&[("connected", 2)]));
        let hidden = Row { pid: 1, validity: Validity::Unknown, ..hidden };
        let text = shown(vec![dead.clone(), dead, hidden, Row { pid: 2, ..row(&[("connected", 1)]) }], 120);
        assert!(text.contains("handles 1, connected 1, stale processes 1, unknown processes 1"), "{text}");
    }
}
