//! What is wrong with the arguments, in a line, and what to do about it, in another: clap says it in up to six.

use clap::error::{ContextKind, ContextValue, ErrorKind};
use clap::{Arg, Command};

/// What the parser of the arguments found wrong.
#[derive(Debug, PartialEq)]
pub(super) struct Usage {
    pub(super) message: String,
    pub(super) help: Option<String>,
}

/// The values of these options are numbers with a unit behind them.
const WITH_UNITS: [&str; 3] = ["TIME", "SIZE", "PERCENT"];

/// Has options take what begins with a dash for their values where that can only be a negative number: their parsers say
/// what is wrong with it.
pub(super) fn with_negative_numbers(command: Command) -> Command {
    let widen = |argument: Arg| {
        if argument.is_positional() || !argument.get_action().takes_values() {
            return argument;
        }
        let names = argument.get_value_names().unwrap_or_default();
        match names.iter().any(|name| WITH_UNITS.contains(&name.as_str())) {
            true => argument.allow_hyphen_values(true),
            false => argument.allow_negative_numbers(true),
        }
    };
    command
        .mut_args(widen)
        .mut_subcommands(|command| command.mut_args(widen))
}

impl Usage {
    /// What the arguments lack or have too much, unless help is what was asked for.
    pub(super) fn of(error: &clap::Error) -> Option<Usage> {
        if !error.use_stderr()
            || error.kind() == ErrorKind::DisplayHelpOnMissingArgumentOrSubcommand
        {
            return None;
        }
        let text = error.to_string();
        let mut paragraphs = text.split("\n\n").map(|paragraph| {
            let lines: Vec<&str> = paragraph.lines().map(str::trim).collect();
            lines.join(" ")
        });
        let message = paragraphs.next().unwrap_or_default();
        let message = message.strip_prefix("error: ").unwrap_or(&message);
        let tip = paragraphs.find_map(|part| Some(part.strip_prefix("tip: ")?.to_string()));
        Some(Usage {
            message: plain(message, value(error)),
            // What is no option is seldom meant as a file.
            help: tip.filter(|tip| !tip.contains("as a value, use '--")),
        })
    }
}

/// The value that an option does not take.
fn value(error: &clap::Error) -> &str {
    match error.get(ContextKind::InvalidValue) {
        Some(ContextValue::String(value)) if error.kind() == ErrorKind::ValueValidation => value,
        _ => "",
    }
}

/// A message about `value` without the words of Rust, in which the parsers of numbers speak of types and ranges.
fn plain(message: &str, value: &str) -> String {
    let Some((before, reason)) = message.rsplit_once(": ").filter(|_| !value.is_empty()) else {
        return message.replace(
            ": cannot parse integer from empty string",
            ": must be a whole number",
        );
    };
    let rule = match reason {
        "number would be zero for non-zero type" => "must be at least 1".to_string(),
        "invalid digit found in string" if value.starts_with('-') => {
            "must not be negative".to_string()
        }
        "invalid digit found in string" => "must be a whole number".to_string(),
        "number too large to fit in target type" | "number too small to fit in target type" => {
            "is out of range".to_string()
        }
        _ => match reason
            .strip_prefix(value)
            .and_then(|rest| rest.strip_prefix(" is not in "))
            .and_then(|range| range.split_once(".."))
        {
            Some((least, "")) => format!("must be at least {least}"),
            Some((least, most)) => match most.strip_prefix('=') {
                Some(most) if most.parse() == Ok(u32::MAX) => format!("must be at least {least}"),
                Some(most) => format!("must be from {least} to {most}"),
                None => format!("must be at least {least} and below {most}"),
            },
            None => return message.to_string(),
        },
    };
    format!("{before}: {rule}")
}

#[cfg(test)]
mod tests {
    use clap::{CommandFactory, FromArgMatches};

    use super::*;
    use crate::cli::Cli;

    fn said(arguments: &str) -> (String, Option<String>) {
        let command = with_negative_numbers(Cli::command());
        let matches = command.try_get_matches_from(arguments.split(' '));
        let error = match matches.and_then(|matches| Cli::from_arg_matches(&matches)) {
            Ok(_) => panic!("{arguments} are taken"),
            Err(error) => error,
        };
        let Usage { message, help } = Usage::of(&error).expect("it is no help");
        (message, help)
    }

    #[test]
    fn numbers_are_refused_in_plain_words() {
        for (arguments, wanted) in [
            (
                "linn bench m --threads 0",
                "invalid value '0' for '--threads <N>': must be from 1 to 1024",
            ),
            (
                "linn bench m --runs 0",
                "invalid value '0' for '--runs <N>': must be at least 1",
            ),
            (
                "linn run m --top 0",
                "invalid value '0' for '--top <K>': must be at least 1",
            ),
            (
                "linn run m --seed -1",
                "invalid value '-1' for '--seed <N>': must not be negative",
            ),
            (
                "linn run m --seed x",
                "invalid value 'x' for '--seed <N>': must be a whole number",
            ),
            (
                "linn run m --max-rounds 99999999999999999999999",
                "invalid value '99999999999999999999999' for '--max-rounds <COUNT>': is out of range",
            ),
            (
                "linn run m --max-memory -1",
                "invalid value '-1' for '--max-memory <SIZE>': not a size, as 512M or 4G",
            ),
            (
                "linn env --timeout -1s",
                "invalid value '-1s' for '--timeout <TIME>': not a time, as 3s, 500ms or 2m",
            ),
        ] {
            assert_eq!(said(arguments), (wanted.to_string(), None));
        }
        let (empty, _) = said("linn run m --max-rounds=");
        assert!(!empty.contains("integer"), "{empty}");
    }

    #[test]
    fn a_tip_becomes_help_if_it_is_of_use() {
        let (message, help) = said("linn run m --sed 1");
        assert_eq!(message, "unexpected argument '--sed' found");
        assert_eq!(help.as_deref(), Some("a similar argument exists: '--seed'"));
        assert_eq!(said("linn run m -x").1, None);
    }
}
