//! The versions that a model states: of the file format and of the operator sets it imports.

use std::collections::HashMap;
use std::sync::Arc;

use crate::error::{Error, Finding, Quoted, Severity};
use crate::onnx::proto::OperatorSetIdProto;
use crate::ops::schema::NEWEST_OPSET;

/// The versions of the file format that linn knows.
const IR_VERSIONS: std::ops::RangeInclusive<i64> = 3..=14;

/// Checks the version of the file format; a newer one is only worth a warning, since nodes are resolved one by one.
pub(super) fn check_ir_version(
    version: Option<i64>,
    findings: &mut Vec<Finding>,
) -> Result<(), Error> {
    let (severity, reason) = match version {
        None => return Err(Error::Invalid("the model has no ir_version".to_string())),
        Some(version) if IR_VERSIONS.contains(&version) => return Ok(()),
        Some(version @ 1..3) => (
            Severity::Unsupported,
            format!("ir_version {version} is not supported by linn, which reads 3 to 14"),
        ),
        Some(version @ 1..=0x7fff_ffff) => (
            Severity::Warning,
            format!("ir_version {version} is newer than 14, the newest that linn knows"),
        ),
        Some(version) => {
            return Err(Error::Invalid(format!(
                "ir_version is {version}, which no version of the format has"
            )));
        }
    };
    findings.push(Finding {
        severity,
        node: None,
        reason,
    });
    Ok(())
}

/// The version of each imported domain.
#[derive(Clone, Debug)]
pub(super) struct Imports(Arc<HashMap<String, i64>>);

impl Imports {
    /// The imports of a model; it must import something.
    pub(super) fn of_model(
        list: &[OperatorSetIdProto],
        findings: &mut Vec<Finding>,
    ) -> Result<Imports, Error> {
        if list.is_empty() {
            return Err(Error::Invalid(
                "the model has no opset_import, so its operators have no version".to_string(),
            ));
        }
        let imports = Imports::parse(list, "the model")?;
        let newest = imports.version("ai.onnx");
        if newest > NEWEST_OPSET {
            findings.push(Finding {
                severity: Severity::Warning,
                node: None,
                reason: format!(
                    "the model imports opset version {newest} of ai.onnx, linn knows up to {NEWEST_OPSET}: \
                     its operators run as in {NEWEST_OPSET}"
                ),
            });
        }
        Ok(imports)
    }

    /// The imports of `importer`, a model or a function.
    pub(super) fn parse(list: &[OperatorSetIdProto], importer: &str) -> Result<Imports, Error> {
        let mut imports = HashMap::new();
        for import in list {
            let domain = canonical(&import.domain);
            let version = import.version.unwrap_or(0);
            if !(1..=i64::from(i32::MAX)).contains(&version) {
                return Err(Error::Invalid(format!(
                    "{importer} imports opset version {version} of domain {}, which does not exist",
                    Quoted(domain)
                )));
            }
            if imports.insert(domain.to_string(), version).is_some() {
                return Err(Error::Invalid(format!(
                    "{importer} has two opset imports of domain {}",
                    Quoted(domain)
                )));
            }
        }
        Ok(Imports(Arc::new(imports)))
    }

    /// The imported version of a domain, 0 for none.
    pub(super) fn version(&self, domain: &str) -> i64 {
        self.0.get(canonical(domain)).copied().unwrap_or(0)
    }
}

/// The imported domains and versions in their order.
pub(super) fn listed(list: &[OperatorSetIdProto]) -> Vec<(String, i64)> {
    list.iter()
        .map(|import| {
            let version = import.version.unwrap_or(0);
            (canonical(&import.domain).to_string(), version)
        })
        .collect()
}

/// The one name of a domain: the standard one may be written in two ways.
pub(super) fn canonical(domain: &str) -> &str {
    match domain {
        "" => "ai.onnx",
        other => other,
    }
}
