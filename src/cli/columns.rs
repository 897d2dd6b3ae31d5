//! Tables for people: columns that are aligned, and cut where the terminal is too narrow.

use std::io;

use super::cells::cells;
use terminal_size::{Height, Width, terminal_size_of};

/// How a column is laid out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Column {
    /// Words, from the left.
    Left,
    /// Numbers, from the right.
    Right,
    /// Names from outside, from the left, which give way where the lines are too long.
    Name,
}

/// The fewest characters of a name that stay.
const LEAST_NAME: usize = 12;
/// What stands between two columns.
const GAP: &str = "  ";

/// The width of the lines of stdout: that of the terminal, or what COLUMNS says; none in files and pipes.
pub(super) fn width() -> Option<usize> {
    width_or(|| terminal_size_of(io::stdout()))
}

/// As [`width`], for what goes to stderr.
pub(super) fn stderr_width() -> Option<usize> {
    width_or(|| terminal_size_of(io::stderr()))
}

/// What COLUMNS says, or else the width of a terminal.
fn width_or(terminal: impl FnOnce() -> Option<(Width, Height)>) -> Option<usize> {
    let said = std::env::var("COLUMNS").ok();
    said.and_then(|text| text.parse().ok())
        .or_else(|| terminal().map(|(width, _)| width.0.into()))
}

/// The lines of a table, the first row being its head. Columns without any text are left out.
pub(super) fn table(columns: &[Column], rows: &[Vec<String>], width: Option<usize>) -> String {
    let widest = |column: usize| {
        let texts = rows.iter().filter_map(|row| row.get(column));
        texts.map(|text| cells(text)).max().unwrap_or(0)
    };
    let mut widths: Vec<usize> = (0..columns.len()).map(widest).collect();
    let shown = widths.iter().filter(|width| **width > 0).count();
    let total = widths.iter().sum::<usize>() + GAP.len() * shown.saturating_sub(1);
    let mut excess = width.map_or(0, |width| total.saturating_sub(width));
    // The widest names give way first.
    while excess > 0 {
        let names = (0..columns.len()).filter(|at| columns[*at] == Column::Name);
        let Some(at) = names.max_by_key(|at| widths[*at]) else {
            break;
        };
        if widths[at] <= LEAST_NAME {
            break;
        }
        widths[at] -= 1;
        excess -= 1;
    }
    let mut text = String::new();
    for row in rows {
        let mut line = String::new();
        for ((cell, column), &width) in row.iter().zip(columns).zip(&widths) {
            if width == 0 {
                continue;
            }
            if !line.is_empty() {
                line += GAP;
            }
            line += &match column {
                Column::Left => padded(cell, width),
                Column::Right => " ".repeat(width.saturating_sub(cells(cell))) + cell,
                Column::Name => padded(&cut(cell, width), width),
            };
        }
        text += line.trim_end();
        text += "\n";
    }
    text
}

/// A text with spaces behind it, up to `width` cells.
pub(super) fn padded(text: &str, width: usize) -> String {
    let missing = width.saturating_sub(cells(text));
    format!("{text}{}", " ".repeat(missing))
}

/// A text in lines of at most `width` characters, those after the first indented.
pub(super) fn wrapped(text: &str, width: usize) -> String {
    let (mut lines, mut line) = (String::new(), String::new());
    for word in text.split_whitespace() {
        if !line.trim().is_empty() && line.chars().count() + 1 + word.chars().count() > width {
            lines += &format!("{line}\n");
            line = " ".to_string();
        }
        if !line.is_empty() {
            line += " ";
        }
        line += word;
    }
    lines + &line + "\n"
}

/// At most `width` cells of a name: its end, which tells it from others.
fn cut(name: &str, width: usize) -> String {
    const DOTS: &str = "...";
    if cells(name) <= width {
        return name.to_string();
    }
    let kept = width.saturating_sub(DOTS.len());
    let mut ends = name.char_indices().map(|(at, _)| &name[at..]);
    let end = ends.find(|end| cells(end) <= kept).unwrap_or_default();
    format!("{DOTS}{end}")
}

/// A number in few characters: `999`, `1.23 k`, `45.6 M`.
pub(super) fn short(number: u64) -> String {
    if number < 1000 {
        return number.to_string();
    }
    let mut value = number as f64;
    let mut unit = "";
    for next in ["k", "M", "G", "T", "P", "E"] {
        // What would be rounded to 1000 has the next unit.
        if value < 999.5 {
            break;
        }
        value /= 1000.0;
        unit = next;
    }
    let digits = match value {
        _ if value < 9.995 => 2,
        _ if value < 99.95 => 1,
        _ => 0,
    };
    format!("{value:.digits$} {unit}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_short() {
        let cases = [
            (0, "0"),
            (999, "999"),
            (1000, "1.00 k"),
            (9_996, "10.0 k"),
            (45_649, "45.6 k"),
            (999_499, "999 k"),
            (999_600, "1.00 M"),
            (4_090_000_000, "4.09 G"),
            (u64::MAX, "18.4 E"),
        ];
        for (number, text) in cases {
            assert_eq!(short(number), text);
        }
    }

    #[test]
    fn texts_are_wrapped_between_words() {
        assert_eq!(wrapped("one two", 80), "one two\n");
        assert_eq!(wrapped("one two three", 9), "one two\n  three\n");
        assert_eq!(wrapped("one extraordinary", 5), "one\n  extraordinary\n");
    }

    #[test]
    fn names_give_way_from_their_start_and_empty_columns_are_left_out() {
        let row = |cells: [&str; 4]| cells.map(str::to_string).to_vec();
        let rows = [
            row(["n", "name", "", "MACs"]),
            row(["0", "a/long/path/to/conv", "", "12 M"]),
        ];
        let columns = [Column::Right, Column::Name, Column::Left, Column::Right];
        let whole = "n  name                 MACs\n0  a/long/path/to/conv  12 M\n";
        assert_eq!(table(&columns, &rows, None), whole);
        assert_eq!(table(&columns, &rows, Some(80)), whole);
        let lines = table(&columns, &rows, Some(25));
        assert!(lines.ends_with("0  .../path/to/conv  12 M\n"), "{lines}");
        assert!(lines.lines().all(|line| line.chars().count() <= 25));
        assert!(table(&columns, &rows, Some(1)).contains("...h/to/conv"));
    }

    #[test]
    fn wide_characters_take_two_cells_and_accents_none() {
        let row = |cells: [&str; 2]| cells.map(str::to_string).to_vec();
        let rows = [
            row(["出力", "1"]),
            row(["e\u{301}", "2"]),
            row(["abcd", "3"]),
        ];
        let columns = [Column::Name, Column::Left];
        assert_eq!(
            table(&columns, &rows, None),
            "出力  1\ne\u{301}     2\nabcd  3\n"
        );
        assert_eq!(
            cut("出力出力出力出力", 12),
            "...力出力出力"[..3].to_string() + "出力出力"
        );
    }
}
