//! Where the time of runs goes: a table by operator, by node or by shape, and keys of JSON.

pub(super) mod trace;

use clap::ValueEnum;
use linn::text::Plain;
use linn::{NodeInfo, Profile, ValueInfo};
use serde_json::{Value, json};

use super::bench::report::Unit;
use super::columns::{Column, short, table};
use super::inspect::{node_json, node_text};
use super::words::counted;

/// What shares a line of the table.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(super) enum By {
    /// Nodes with the same operator
    Op,
    /// Each node for itself
    Node,
    /// Nodes with the same operator and the same types and shapes
    Shape,
}

/// The most lines of a table; the rest is summed in one more.
const MOST_LINES: usize = 20;

/// The nodes of a run with their times, of one run or the medians of several.
pub(super) struct Profiled {
    /// How many runs there were.
    runs: usize,
    /// Seconds of a whole run.
    total: f64,
    nodes: Vec<(NodeInfo, f64)>,
}

/// Nodes that share a line.
#[derive(Clone, Debug, Default, PartialEq)]
struct Group {
    key: Key,
    nodes: usize,
    seconds: f64,
    bytes: Option<u64>,
    /// `None` if the MACs of a node in it are not counted.
    macs: Option<u64>,
}

/// What the nodes of a group share, and tells its line from others; what may differ in it is empty.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
struct Key {
    operator: String,
    name: String,
    inputs: String,
    outputs: String,
}

impl Profiled {
    /// The medians of runs of the same nodes; `None` without any.
    pub(super) fn new(profiles: &[Profile]) -> Option<Profiled> {
        let last = profiles.last()?;
        let middle = |seconds: &dyn Fn(&Profile) -> f64| {
            let mut all: Vec<f64> = profiles.iter().map(seconds).collect();
            all.sort_by(f64::total_cmp);
            all[(all.len() - 1) / 2]
        };
        let nodes = last.nodes.iter().enumerate().map(|(at, time)| {
            let seconds = |profile: &Profile| {
                let node = profile.nodes.get(at);
                node.map_or(0.0, |time| time.duration.as_secs_f64())
            };
            (time.node.clone(), middle(&seconds))
        });
        Some(Profiled {
            runs: profiles.len(),
            total: middle(&|profile| profile.duration.as_secs_f64()),
            nodes: nodes.collect(),
        })
    }

    fn in_nodes(&self) -> f64 {
        self.nodes.iter().map(|(_, seconds)| seconds).sum()
    }

    /// The nodes in groups, those that take longest first.
    fn groups(&self, by: By) -> Vec<Group> {
        let mut groups: Vec<Group> = Vec::new();
        let mut places = std::collections::HashMap::new();
        for (at, (node, seconds)) in self.nodes.iter().enumerate() {
            let key = Key::of(node, by);
            // Nodes may share a name.
            let unique = (key.clone(), (by == By::Node).then_some(at));
            let place = *places.entry(unique).or_insert(groups.len());
            let group = Group {
                key,
                nodes: 1,
                seconds: *seconds,
                bytes: node.bytes,
                macs: node.macs,
            };
            match groups.get_mut(place) {
                Some(held) => held.add(&group),
                None => groups.push(group),
            }
        }
        groups.sort_by(|a, b| b.seconds.total_cmp(&a.seconds));
        groups
    }

    /// A line about the run, and the table.
    pub(super) fn text(&self, by: By, width: Option<usize>) -> String {
        let in_nodes = self.in_nodes();
        let unit = Unit::of(self.total);
        let runs = match self.runs {
            1 => "one run".to_string(),
            many => format!("medians of {many} runs"),
        };
        let mut text = format!(
            "{runs}: {} {}, {} of it in {}\n",
            unit.show(self.total),
            unit.name,
            unit.show(in_nodes),
            counted(self.nodes.len(), "node")
        );
        let mut groups = self.groups(by);
        if groups.len() > MOST_LINES + 1 {
            let rest = groups.split_off(MOST_LINES);
            let mut sum = Group {
                key: Key {
                    operator: format!("{} more", rest.len()),
                    ..Key::default()
                },
                bytes: Some(0),
                macs: Some(0),
                ..Group::default()
            };
            rest.iter().for_each(|group| sum.add(group));
            groups.push(sum);
        }
        let columns = [
            Column::Left,
            Column::Name,
            Column::Name,
            Column::Name,
            Column::Right,
            Column::Right,
            Column::Right,
            Column::Right,
            Column::Right,
            Column::Right,
        ];
        let time = format!("time {}", unit.name);
        // A column of which no cell is filled has no head either, and so is left out.
        let head = |head: &str, cell: fn(&Key) -> &str| {
            let filled = groups.iter().any(|group| !cell(&group.key).is_empty());
            (if filled { head } else { "" }).to_string()
        };
        let mut rows = vec![vec![
            "operator".to_string(),
            head("name", |key| &key.name),
            head("inputs", |key| &key.inputs),
            head("outputs", |key| &key.outputs),
            if by == By::Node { "" } else { "nodes" }.to_string(),
            time,
            "share".to_string(),
            "bytes".to_string(),
            "bytes/s".to_string(),
            "MACs/s".to_string(),
        ]];
        for group in &groups {
            let rate = |count: Option<u64>| match count {
                None => "-".to_string(),
                Some(0) => String::new(),
                Some(_) if group.seconds == 0.0 => "-".to_string(),
                Some(count) => short((count as f64 / group.seconds) as u64),
            };
            let key = group.key.clone();
            rows.push(vec![
                key.operator,
                key.name,
                key.inputs,
                key.outputs,
                match by {
                    By::Node => String::new(),
                    By::Op | By::Shape => group.nodes.to_string(),
                },
                unit.show(group.seconds),
                format!("{:.1} %", share(group.seconds, in_nodes) * 100.0),
                group.bytes.map_or("-".to_string(), short),
                rate(group.bytes),
                rate(group.macs),
            ]);
        }
        text += &table(&columns, &rows, width);
        text
    }

    /// The groups, all of them, and the nodes in the order in which they ran.
    pub(super) fn json(&self, by: By) -> Value {
        let in_nodes = self.in_nodes();
        let group = |group: &Group| {
            let key = &group.key;
            let mut value = json!({"operator": key.operator});
            match by {
                By::Op => {}
                By::Node => value["name"] = json!(key.name),
                By::Shape => {
                    value["inputs"] = json!(key.inputs);
                    value["outputs"] = json!(key.outputs);
                }
            }
            value["nodes"] = json!(group.nodes);
            value["time_s"] = json!(group.seconds);
            value["share"] = json!(share(group.seconds, in_nodes));
            value["bytes"] = json!(group.bytes);
            value["macs"] = json!(group.macs);
            value
        };
        let node = |(node, seconds): &(NodeInfo, f64)| {
            let mut value = node_json(node);
            value["time_s"] = json!(seconds);
            value
        };
        json!({
            "runs": self.runs,
            "total_s": self.total,
            "nodes_s": in_nodes,
            "by": by.to_possible_value().map(|value| value.get_name().to_string()),
            "groups": self.groups(by).iter().map(group).collect::<Vec<_>>(),
            "nodes": self.nodes.iter().map(node).collect::<Vec<_>>(),
        })
    }
}

impl Group {
    fn add(&mut self, other: &Group) {
        let sum = |a: Option<u64>, b: Option<u64>| Some(a?.saturating_add(b?));
        self.nodes += other.nodes;
        self.seconds += other.seconds;
        self.bytes = sum(self.bytes, other.bytes);
        self.macs = sum(self.macs, other.macs);
    }
}

fn share(part: f64, whole: f64) -> f64 {
    if whole > 0.0 { part / whole } else { 0.0 }
}

impl Key {
    fn of(node: &NodeInfo, by: By) -> Key {
        let mut key = Key {
            operator: Plain(&node.name.operator).to_string(),
            ..Key::default()
        };
        if by == By::Node {
            key.name = node_text(node);
        }
        if by == By::Shape {
            key.inputs = shapes(&node.inputs);
        }
        if by != By::Op {
            key.outputs = shapes(&node.outputs);
        }
        key
    }
}

/// `f32[1,3,8,8] - f32[4]`
pub(super) fn shapes(infos: &[Option<ValueInfo>]) -> String {
    let shown = infos
        .iter()
        .map(|info| info.as_ref().map_or("-".to_string(), ToString::to_string));
    let mut shown: Vec<String> = shown.collect();
    // What is left out at the end is not written in a model either.
    while shown.last().is_some_and(|last| last == "-") {
        shown.pop();
    }
    shown.join(" ")
}
