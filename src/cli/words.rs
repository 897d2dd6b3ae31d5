//! Numbers in sentences.

/// `1 node`, `2 nodes`
pub(super) fn counted(count: usize, thing: &str) -> String {
    match count {
        1 => format!("1 {thing}"),
        _ => format!("{count} {thing}s"),
    }
}

/// A number as short as it can be: `0`, `1e-3`.
pub(super) fn short(number: f64) -> String {
    match number == 0.0 {
        true => "0".to_string(),
        false => format!("{number:e}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_thing_is_no_plural() {
        let nodes = [0, 1, 2].map(|count| counted(count, "node"));
        assert_eq!(nodes, ["0 nodes", "1 node", "2 nodes"]);
        assert_eq!((short(0.0), short(1e-3)), ("0".into(), "1e-3".into()));
    }
}
