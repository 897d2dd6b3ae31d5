//! Any bytes as a model file: they are scanned, decoded, checked and loaded, or refused with a message that can be
//! shown. Checking and loading say the same.

use linn::{Class, Model, Severity};

use crate::limits::{Reached, check_error, check_model, check_text, options};

pub(crate) fn run(data: &[u8]) -> Reached {
    let options = options();
    let checked = Model::check_bytes_with(data.to_vec(), &options);
    let loaded = Model::from_bytes_with(data.to_vec(), &options);
    match (&checked, &loaded) {
        (Err(checked), Err(loaded)) => {
            check_error(loaded);
            assert_eq!(checked.to_string(), loaded.to_string());
        }
        (Err(error), Ok(_)) => panic!("it loads, but checking says: {error}"),
        (Ok(findings), loaded) => {
            findings
                .iter()
                .for_each(|finding| check_text(&finding.to_string()));
            let has = |severity| findings.iter().any(|finding| finding.severity == severity);
            let class = loaded.as_ref().err().map(|error| error.class());
            let wanted = match (has(Severity::Invalid), has(Severity::Unsupported)) {
                (true, _) => Some(Class::Invalid),
                (false, true) => Some(Class::Unsupported),
                (false, false) => None,
            };
            assert_eq!(class, wanted, "{findings:?}: {loaded:?}");
        }
    }
    match loaded {
        Err(error) => {
            check_error(&error);
            Reached::Refused
        }
        Ok(model) => {
            check_model(&model);
            Reached::Loaded
        }
    }
}
