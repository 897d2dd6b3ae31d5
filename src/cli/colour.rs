//! Colours: of `error:`, `note:` and the like, and of verdicts, where the reader wants them.
//!
//! The rules are those of the help, which clap prints: NO_COLOR goes before CLICOLOR_FORCE, that before CLICOLOR=0; else
//! terminals have colours, unless TERM is missing or dumb.

use std::env;
use std::ffi::OsString;
use std::io::{self, IsTerminal};
use std::sync::OnceLock;

use clap::builder::styling::{AnsiColor, Style};
use clap::{ColorChoice, ValueEnum};

/// Where colours are wanted.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub(super) enum When {
    /// On terminals, unless NO_COLOR, CLICOLOR, CLICOLOR_FORCE or TERM say otherwise
    #[default]
    Auto,
    /// In files and pipes too
    Always,
    Never,
}

/// What the arguments say, once they are parsed.
static WHEN: OnceLock<When> = OnceLock::new();

/// Whether a stream has colours.
#[derive(Clone, Copy, Debug)]
pub(super) struct Colours(bool);

impl When {
    /// What `--color` among the arguments says. It is looked for before they are parsed, since what is wrong with them is
    /// said in colours too.
    pub(super) fn among(mut arguments: impl Iterator<Item = OsString>) -> When {
        let mut when = When::Auto;
        while let Some(argument) = arguments.next() {
            let text = argument.to_string_lossy();
            let value = match text.split_once('=') {
                _ if text == "--" => break,
                None if text == "--color" => arguments.next(),
                Some(("--color", value)) => Some(value.into()),
                _ => continue,
            };
            let value = value.and_then(|value| value.into_string().ok());
            when = value
                .and_then(|value| When::from_str(&value, false).ok())
                .unwrap_or(when);
        }
        when
    }

    /// Has all streams follow it.
    pub(super) fn set(self) {
        WHEN.get_or_init(|| self);
    }

    /// The same for the parser of the arguments.
    pub(super) fn choice(self) -> ColorChoice {
        match self {
            When::Auto => ColorChoice::Auto,
            When::Always => ColorChoice::Always,
            When::Never => ColorChoice::Never,
        }
    }
}

impl Colours {
    pub(super) fn of_stdout() -> Colours {
        Colours::of(&io::stdout())
    }

    pub(super) fn of_stderr() -> Colours {
        Colours::of(&io::stderr())
    }

    fn of(stream: &impl IsTerminal) -> Colours {
        let when = WHEN.get().copied().unwrap_or_default();
        Colours(are_wanted(when, stream.is_terminal(), |name| {
            env::var_os(name)
        }))
    }

    /// A text in a colour, if there are any.
    pub(super) fn paint(self, colour: AnsiColor, text: &str) -> String {
        if !self.0 {
            return text.to_string();
        }
        let style = Style::new().bold().fg_color(Some(colour.into()));
        format!("{style}{text}{style:#}")
    }
}

fn are_wanted(when: When, is_terminal: bool, variable: impl Fn(&str) -> Option<OsString>) -> bool {
    let is_set = |name: &str| variable(name).is_some_and(|value| !value.is_empty());
    let clicolor = variable("CLICOLOR").map(|value| value != "0");
    let has_colours = variable("TERM").is_some_and(|term| term != "dumb");
    match when {
        When::Always => true,
        When::Never => false,
        When::Auto if is_set("NO_COLOR") => false,
        When::Auto if is_set("CLICOLOR_FORCE") => true,
        When::Auto => {
            let is_wanted = clicolor.unwrap_or(has_colours || variable("CI").is_some());
            is_terminal && is_wanted
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn wanted(when: When, is_terminal: bool, variables: &[(&str, &str)]) -> bool {
        are_wanted(when, is_terminal, |name| {
            let found = variables.iter().find(|(key, _)| *key == name);
            found.map(|(_, value)| value.into())
        })
    }

    #[test]
    fn terminals_have_colours_unless_told_otherwise() {
        let xterm = ("TERM", "xterm");
        let auto =
            |is_terminal, variables: &[(&str, &str)]| wanted(When::Auto, is_terminal, variables);
        assert!(auto(true, &[xterm]));
        assert!(auto(true, &[xterm, ("NO_COLOR", ""), ("CLICOLOR", "1")]));
        assert!(auto(true, &[("CI", "true")]));
        assert!(auto(true, &[("TERM", "dumb"), ("CLICOLOR", "1")]));
        assert!(!auto(true, &[("TERM", "dumb")]));
        assert!(!auto(true, &[]));
        assert!(!auto(true, &[xterm, ("NO_COLOR", "1")]));
        assert!(!auto(true, &[xterm, ("CLICOLOR", "0")]));
        assert!(!auto(false, &[xterm]));
        assert!(!auto(false, &[xterm, ("CLICOLOR", "1")]));
        assert!(auto(false, &[("CLICOLOR_FORCE", "1")]));
        assert!(!auto(false, &[("CLICOLOR_FORCE", "")]));
        assert!(!auto(
            true,
            &[xterm, ("CLICOLOR_FORCE", "1"), ("NO_COLOR", "1")]
        ));
        assert!(wanted(When::Always, false, &[("NO_COLOR", "1")]));
        assert!(!wanted(
            When::Never,
            true,
            &[xterm, ("CLICOLOR_FORCE", "1")]
        ));
    }

    #[test]
    fn arguments_are_heard_before_they_are_parsed() {
        let among = |text: &str| When::among(text.split(' ').map(OsString::from));
        assert_eq!(among("run m.onnx"), When::Auto);
        assert_eq!(among("run --color never"), When::Never);
        assert_eq!(among("--color=always --nonsense"), When::Always);
        assert_eq!(among("--color=always --color sometimes"), When::Always);
        assert_eq!(among("run --color"), When::Auto);
        assert_eq!(among("run -- --color=never"), When::Auto);
    }

    #[test]
    fn paint_is_bold_and_ends() {
        let red = Colours(true).paint(AnsiColor::Red, "error:");
        assert_eq!(red, "\u{1b}[1m\u{1b}[31merror:\u{1b}[0m");
        assert_eq!(Colours(false).paint(AnsiColor::Red, "error:"), "error:");
    }
}
