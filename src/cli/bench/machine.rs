//! What the system tells about the machine and this process.

use std::fs;

/// The name of the processor, where the system tells.
pub(in crate::cli) fn cpu() -> Option<String> {
    let text = fs::read_to_string("/proc/cpuinfo").ok()?;
    value(&text, "model name").map(str::to_string)
}

/// The most bytes of memory that this process has had so far, where the system tells.
pub(super) fn peak_resident_bytes() -> Option<u64> {
    let text = fs::read_to_string("/proc/self/status").ok()?;
    let kibibytes: u64 = value(&text, "VmHWM")?
        .strip_suffix("kB")?
        .trim()
        .parse()
        .ok()?;
    kibibytes.checked_mul(1024)
}

/// The value of the first line `key : value`.
fn value<'a>(text: &'a str, key: &str) -> Option<&'a str> {
    text.lines().find_map(|line| {
        let (found, value) = line.split_once(':')?;
        (found.trim() == key && !value.trim().is_empty()).then(|| value.trim())
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_of_the_system() {
        let text = "processor\t: 0\nmodel\t\t: 17\nmodel name\t: A 9: B\n\nVmHWM:\t    2200 kB\n";
        assert_eq!(value(text, "model name"), Some("A 9: B"));
        assert_eq!(value(text, "VmHWM"), Some("2200 kB"));
        assert_eq!(value(text, "cpu"), None);
    }
}
