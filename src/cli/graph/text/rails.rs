//! The rails beside the lines: columns along which values flow from the item that gives them to all that read them.

use super::super::drawing::{Edge, Graph};

/// The characters of the rails.
pub(super) struct Style {
    pub(super) node: char,
    pub(super) input: char,
    pub(super) output: char,
    pub(super) cut: char,
    pub(super) focus: char,
    /// The lines that meet in a cell: up 1, down 2, left 4, right 8.
    lines: [char; 16],
}

impl Style {
    pub(super) const UNICODE: Style = Style {
        node: '●',
        input: '○',
        output: '◎',
        cut: '┊',
        focus: '◆',
        lines: [
            ' ', '│', '│', '│', '─', '╯', '╮', '┤', '─', '╰', '╭', '├', '─', '┴', '┬', '┼',
        ],
    };
    pub(super) const ASCII: Style = Style {
        node: '*',
        input: 'o',
        output: '@',
        cut: ':',
        focus: '#',
        lines: [
            ' ', '|', '|', '|', '-', '\'', '.', '+', '-', '\'', '.', '+', '-', '+', '+', '+',
        ],
    };
}

/// What a cell of a row shows: its sign, or the lines that meet in it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Cell {
    Mark,
    Lines(usize),
}

const UP: usize = 1;
const DOWN: usize = 2;
const LEFT: usize = 4;
const RIGHT: usize = 8;

/// A row of rails.
#[derive(Debug, PartialEq)]
pub(super) struct Row {
    cells: Vec<Cell>,
    /// The first and the last rail of the line across.
    across: (usize, usize),
}

impl Row {
    /// Whether it is the row of an item, and not one between two.
    pub(super) fn is_item(&self) -> bool {
        self.cells.contains(&Cell::Mark)
    }

    pub(super) fn drawn(&self, style: &Style, mark: char) -> String {
        let mut text = String::new();
        for (at, cell) in self.cells.iter().enumerate() {
            text.push(match cell {
                Cell::Mark => mark,
                Cell::Lines(lines) => style.lines[*lines],
            });
            text.push(match self.across.0 <= at && at < self.across.1 {
                true => style.lines[LEFT | RIGHT],
                false => ' ',
            });
        }
        text.trim_end().to_string()
    }
}

/// The rails of a graph, item by item.
pub(super) struct Rails {
    /// The value on each rail.
    values: Vec<Option<usize>>,
    /// How many items still read a value, by value.
    readers: Vec<usize>,
    /// The values that each item reads, each once, and gives.
    reads: Vec<Vec<usize>>,
    gives: Vec<Vec<usize>>,
    /// Whether a rail ended in the row before.
    ended: Vec<bool>,
}

impl Rails {
    pub(super) fn new(graph: &Graph) -> Rails {
        let each = |value: &dyn Fn(&Edge) -> usize| {
            let mut lists = vec![Vec::new(); graph.items.len()];
            for edge in &graph.edges {
                lists[value(edge)].push(edge.value);
            }
            for list in &mut lists {
                list.sort_unstable();
                list.dedup();
            }
            lists
        };
        let reads = each(&|edge| edge.to);
        let mut readers = vec![0; graph.values.len()];
        for value in reads.iter().flatten() {
            readers[*value] += 1;
        }
        Rails {
            values: Vec::new(),
            readers,
            reads,
            gives: each(&|edge| edge.from),
            ended: Vec::new(),
        }
    }

    /// The rows of the next item, which is `at`.
    pub(super) fn item(&mut self, at: usize) -> Vec<Row> {
        let mut rows = Vec::new();
        let reads = std::mem::take(&mut self.reads[at]);
        for value in &reads {
            self.readers[*value] -= 1;
        }
        let is_read = |value: usize| reads.binary_search(&value).is_ok();
        let values = self.values.iter().enumerate();
        let read: Vec<(usize, bool)> = values
            .filter_map(|(rail, value)| Some((rail, (*value)?)))
            .filter(|(_, value)| is_read(*value))
            .map(|(rail, value)| (rail, self.readers[value] == 0))
            .collect();
        let own = match read.iter().find(|(_, last)| *last) {
            Some((rail, _)) => *rail,
            None => {
                let rail = self.free(read.first().map_or(0, |(first, _)| first + 1));
                // Without a gap it would look as if it went on from the item above.
                if self.ended[rail] {
                    rows.push(self.plain());
                }
                rail
            }
        };
        // What is read on each rail, and whether for the last time.
        let mut here = vec![None; self.values.len()];
        for (rail, last) in &read {
            here[*rail] = Some(*last);
        }
        let (first, last) = (read.first(), read.last());
        let across = (
            first.map_or(own, |(rail, _)| own.min(*rail)),
            last.map_or(own, |(rail, _)| own.max(*rail)),
        );
        let cells = (0..self.values.len()).map(|rail| {
            if rail == own {
                return Cell::Mark;
            }
            Cell::Lines(match (self.values[rail], here[rail]) {
                (_, Some(true)) => UP | level(rail, across),
                (_, Some(false)) => UP | DOWN | level(rail, across),
                // A value that the item does not read passes before the line.
                (Some(_), None) => UP | DOWN,
                (None, None) => level(rail, across),
            })
        });
        rows.push(Row {
            cells: cells.collect(),
            across,
        });
        for (rail, here) in here.iter().enumerate() {
            if *here == Some(true) {
                self.values[rail] = None;
            }
            self.ended[rail] = *here == Some(true) || rail == own;
        }
        rows.extend(self.give(at, own));
        rows
    }

    /// Puts what an item gives on rails; more than one value needs a row.
    fn give(&mut self, at: usize, own: usize) -> Option<Row> {
        let gives = std::mem::take(&mut self.gives[at]);
        let mut last = own;
        for (count, value) in gives.iter().enumerate() {
            let rail = match count {
                0 => own,
                _ => self.free(own + 1),
            };
            self.values[rail] = Some(*value);
            self.ended[rail] = false;
            last = last.max(rail);
        }
        if last == own {
            return None;
        }
        let across = (own, last);
        let cells = self.values.iter().enumerate().map(|(rail, value)| {
            Cell::Lines(match value {
                Some(_) if rail == own => UP | DOWN | RIGHT,
                Some(value) if gives.binary_search(value).is_ok() => DOWN | level(rail, across),
                Some(_) => UP | DOWN,
                None => level(rail, across),
            })
        });
        Some(Row {
            cells: cells.collect(),
            across,
        })
    }

    /// A rail without a value, from `first` on.
    fn free(&mut self, first: usize) -> usize {
        let free = (first..self.values.len()).find(|rail| self.values[*rail].is_none());
        free.unwrap_or_else(|| {
            let count = self.values.len().max(first) + 1;
            self.values.resize(count, None);
            self.ended.resize(count, false);
            count - 1
        })
    }

    /// A row in which nothing happens.
    fn plain(&self) -> Row {
        let cells = self.values.iter().map(|value| {
            Cell::Lines(match value {
                Some(_) => UP | DOWN,
                None => 0,
            })
        });
        Row {
            cells: cells.collect(),
            across: (0, 0),
        }
    }
}

/// The parts of a line across in one of its cells.
fn level(rail: usize, (first, last): (usize, usize)) -> usize {
    let left = match first < rail && rail <= last {
        true => LEFT,
        false => 0,
    };
    let right = match first <= rail && rail < last {
        true => RIGHT,
        false => 0,
    };
    left | right
}
