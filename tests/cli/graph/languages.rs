//! Readers of what is drawn for Graphviz and for Mermaid, for as much of the languages as is used.

/// A drawing as one of the languages tells it.
#[derive(Debug, Default)]
pub(crate) struct Found {
    nodes: Vec<String>,
    edges: Vec<[String; 2]>,
    /// How many blocks are open.
    depth: usize,
}

pub(crate) type Parser = fn(&str) -> Result<Found, String>;

impl Found {
    /// Whether all is there that should be.
    pub(crate) fn check(self, nodes: &[String], edges: &[[String; 2]]) -> Result<(), String> {
        let Found {
            nodes: mut found,
            edges: mut links,
            depth,
        } = self;
        let mut wanted = nodes.to_vec();
        wanted.sort();
        found.sort();
        links.sort();
        let mut edges = edges.to_vec();
        edges.sort();
        match (found == wanted, links == edges, depth) {
            (true, true, 0) => Ok(()),
            (false, ..) => Err(format!("nodes {found:?}, wanted {wanted:?}")),
            (_, false, _) => Err(format!("edges {links:?}, wanted {edges:?}")),
            _ => Err(format!("{depth} blocks are open")),
        }
    }
}

/// Whether a word is a name that no language reserves.
fn is_name(word: &str) -> bool {
    let digits = word
        .strip_prefix('n')
        .or(word.strip_prefix('g'))
        .unwrap_or_default();
    !digits.is_empty() && digits.bytes().all(|byte| byte.is_ascii_digit())
}

/// Takes a string in quotes from the start of a text; a backslash takes the character behind it along.
fn string(text: &str, escapes: bool) -> Result<(&str, &str), String> {
    let inner = text
        .strip_prefix('"')
        .ok_or_else(|| format!("no string: {text}"))?;
    let mut escaped = false;
    for (at, character) in inner.char_indices() {
        match character {
            _ if escaped => escaped = false,
            '\\' if escapes => escaped = true,
            '"' => return Ok((&inner[..at], &inner[at + 1..])),
            control if control.is_control() => return Err(format!("{control:?} in {text}")),
            _ => {}
        }
    }
    Err(format!("an open string: {text}"))
}

/// Takes `[a=b, c="d"]` from the start of a text.
fn attributes(text: &str) -> Result<(), String> {
    let mut rest = text
        .strip_prefix('[')
        .ok_or_else(|| format!("no attributes: {text}"))?;
    loop {
        let (name, value) = rest
            .split_once('=')
            .ok_or_else(|| format!("no value: {rest}"))?;
        if name.is_empty() || !name.bytes().all(|byte| byte.is_ascii_alphabetic()) {
            return Err(format!("no attribute: {name}"));
        }
        rest = match value.starts_with('"') {
            true => string(value, true)?.1,
            false => value
                .trim_start_matches(|other: char| other.is_ascii_alphanumeric() || other == '.'),
        };
        if rest == "]" {
            return Ok(());
        }
        rest = rest
            .strip_prefix(", ")
            .ok_or_else(|| format!("no end: {rest}"))?;
    }
}

/// Reads the language of Graphviz.
pub(crate) fn dot(text: &str) -> Result<Found, String> {
    let mut found = Found::default();
    let mut lines = text.lines();
    let first = lines.next().and_then(|line| line.strip_prefix("digraph "));
    match string(first.ok_or("no graph")?, true)?.1 {
        " {" => found.depth += 1,
        other => return Err(format!("no start: {other}")),
    }
    for line in lines {
        let line = line.trim_start();
        let (word, rest) = line.split_once(' ').unwrap_or((line, ""));
        match (word, rest) {
            ("}", "") => found.depth = found.depth.checked_sub(1).ok_or("too many ends")?,
            ("subgraph", name) if name.starts_with("cluster_") && name.ends_with(" {") => {
                found.depth += 1
            }
            ("graph" | "node" | "edge", rest) => attributes(rest)?,
            (word, rest) if is_name(word) => match rest.strip_prefix("-> ") {
                Some(rest) => {
                    let (to, rest) = rest.split_once(' ').ok_or("no end of an edge")?;
                    attributes(rest)?;
                    found.edges.push([word.to_string(), to.to_string()]);
                }
                None => {
                    attributes(rest)?;
                    found.nodes.push(word.to_string());
                }
            },
            // The attributes of a cluster.
            (word, _) if word.contains('=') => attributes(&format!("[{line}]"))?,
            _ => return Err(format!("no statement: {line}")),
        }
    }
    Ok(found)
}

/// Takes a label of Mermaid from the start of a text: it holds nothing that ends it.
fn label(text: &str) -> Result<&str, String> {
    let (label, rest) = string(text, false)?;
    let plain = label.replace("<br/>", "");
    match plain.contains(['<', '>', '`', '"', '{', '}', '|', '\\', '&', '*']) {
        true => Err(format!("markup in {label}")),
        false => Ok(rest),
    }
}

/// Reads the language of Mermaid.
pub(crate) fn mermaid(text: &str) -> Result<Found, String> {
    let mut found = Found::default();
    let mut lines = text.lines();
    if lines.next() != Some("flowchart TD") {
        return Err("no flowchart".to_string());
    }
    for line in lines {
        let line = line.trim_start();
        let end = line.find(|other: char| !other.is_ascii_alphanumeric());
        let (word, rest) = line.split_at(end.unwrap_or(line.len()));
        match word {
            "end" if rest.is_empty() => {
                found.depth = found.depth.checked_sub(1).ok_or("too many ends")?
            }
            "subgraph" => {
                let (name, rest) = rest.trim_start().split_once('[').ok_or("no title")?;
                if !is_name(name) || label(rest)? != "]" {
                    return Err(format!("no subgraph: {line}"));
                }
                found.depth += 1;
            }
            "classDef" | "class" | "style" => {}
            name if is_name(name) => match rest.strip_prefix(' ') {
                Some(edge) => {
                    let edge = edge.strip_prefix("-->").or(edge.strip_prefix("-.->"));
                    let edge = edge.ok_or_else(|| format!("no arrow: {line}"))?;
                    let to = match edge.strip_prefix('|') {
                        Some(text) => label(text)?.strip_prefix('|').ok_or("no end of a label")?,
                        None => edge,
                    };
                    found
                        .edges
                        .push([name.to_string(), to.trim_start().to_string()]);
                }
                None => {
                    let shapes = [("([", "])"), ("(", ")"), ("[", "]")];
                    let shape = shapes.iter().find(|(start, _)| rest.starts_with(start));
                    let (start, end) = shape.ok_or_else(|| format!("no node: {line}"))?;
                    if label(&rest[start.len()..])? != *end {
                        return Err(format!("no end of a node: {line}"));
                    }
                    found.nodes.push(name.to_string());
                }
            },
            _ => return Err(format!("no statement: {line}")),
        }
    }
    Ok(found)
}
