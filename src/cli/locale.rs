//! Whether the terminal can show more than ASCII.

/// Whether only ASCII can be shown: the terminal is dumb, or the locale has no UTF-8.
pub(super) fn is_ascii() -> bool {
    let set = |name: &str| std::env::var(name).ok().filter(|value| !value.is_empty());
    set("TERM").as_deref() == Some("dumb") || !is_utf8(set)
}

/// Whether the locale has all characters; one that is not set does not say that it lacks them.
fn is_utf8(variable: impl Fn(&str) -> Option<String>) -> bool {
    let mut locales = ["LC_ALL", "LC_CTYPE", "LANG"]
        .into_iter()
        .filter_map(variable);
    locales.next().is_none_or(|locale| {
        let locale = locale.to_ascii_lowercase();
        locale.contains("utf-8") || locale.contains("utf8")
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_locale_without_unicode_is_told_by_its_name() {
        let with = |locale: &'static str| {
            is_utf8(move |name| (name == "LANG").then(|| locale.to_string()))
        };
        assert!(with("en_US.UTF-8") && with("C.utf8"));
        assert!(!with("C") && !with("de_DE.ISO-8859-1"));
        assert!(is_utf8(|_| None));
    }
}
