//! The values of the options: numbers of threads, times, percentages, files.

use std::path::{Path, PathBuf};
use std::time::Duration;

pub(super) fn parse_threads() -> clap::builder::RangedI64ValueParser<u16> {
    clap::value_parser!(u16).range(1..=1024)
}

pub(super) fn parse_callers() -> clap::builder::RangedI64ValueParser<u16> {
    clap::value_parser!(u16).range(1..=256)
}

/// Reads `5%` as 0.05.
pub(super) fn parse_percent(text: &str) -> Result<f64, String> {
    text.strip_suffix('%')
        .and_then(|number| number.trim().parse::<f64>().ok())
        .filter(|number| number.is_finite() && *number >= 0.0)
        .map(|number| number / 100.0)
        .ok_or_else(|| "not a percentage, as 5%".to_string())
}

/// Refuses what cannot become a file, before the times are measured.
pub(super) fn parse_json_file(text: &str) -> Result<PathBuf, String> {
    let path = PathBuf::from(text);
    let folder = path
        .parent()
        .filter(|folder| !folder.as_os_str().is_empty());
    if text == "-" {
        return Err("not a file; --format json prints the document".to_string());
    }
    match path.is_dir() || !folder.unwrap_or(Path::new(".")).is_dir() {
        true => Err("not a file in a folder that exists".to_string()),
        false => Ok(path),
    }
}

/// Reads `3s`, `1.5s`, `500ms`, `20us` or `2m`.
pub(in crate::cli) fn parse_time(text: &str) -> Result<Duration, String> {
    let units = [("ms", 1e-3), ("us", 1e-6), ("s", 1.0), ("m", 60.0)];
    units
        .iter()
        .find_map(|(unit, seconds)| Some((text.strip_suffix(unit)?, seconds)))
        .and_then(|(number, seconds)| Some(number.trim().parse::<f64>().ok()? * seconds))
        .and_then(|seconds| Duration::try_from_secs_f64(seconds).ok())
        .ok_or_else(|| "not a time, as 3s, 500ms or 2m".to_string())
}

/// Reads a time in which something can be done.
pub(in crate::cli) fn parse_time_limit(text: &str) -> Result<Duration, String> {
    match parse_time(text)? {
        Duration::ZERO => Err("must be longer than 0".to_string()),
        time => Ok(time),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_have_a_unit() {
        assert_eq!(parse_time("3s"), Ok(Duration::from_secs(3)));
        assert_eq!(parse_time("1.5 ms"), Ok(Duration::from_micros(1500)));
        assert_eq!(parse_time("20us"), Ok(Duration::from_micros(20)));
        assert_eq!(parse_time("0s"), Ok(Duration::ZERO));
        assert!(parse_time_limit("0s").is_err() && parse_time_limit("1us").is_ok());
        assert_eq!(parse_time("2m"), Ok(Duration::from_secs(120)));
        for text in ["3", "s", "-1s", "nans", "infs", "1e300s", "3h", ""] {
            assert!(parse_time(text).is_err(), "{text}");
        }
    }

    #[test]
    fn limits_are_percentages() {
        assert_eq!(parse_percent("5%"), Ok(0.05));
        assert_eq!(parse_percent("2.5 %"), Ok(0.025));
        assert_eq!(parse_percent("0%"), Ok(0.0));
        for text in ["5", "0.05", "%", "-5%", "nan%", "inf%", ""] {
            assert!(parse_percent(text).is_err(), "{text}");
        }
    }
}
