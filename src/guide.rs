//! Guides, the pages of docs/. Their code is compiled and run as a test.

// As with the page of the crate: the text is left out where it is not shown, and links go to the module that shows a page.

#[cfg_attr(any(doc, doctest), doc = include_str!("../docs/getting-started.md"))]
#[cfg_attr(not(any(doc, doctest)), doc = "Getting started with the library.")]
pub mod getting_started {}

#[cfg_attr(any(doc, doctest), doc = include_str!("../docs/performance.md"))]
#[cfg_attr(not(any(doc, doctest)), doc = "Making it fast.")]
pub mod performance {}

#[cfg_attr(any(doc, doctest), doc = include_str!("../docs/adding-an-operator.md"))]
#[cfg_attr(not(any(doc, doctest)), doc = "Adding an operator.")]
pub mod adding_an_operator {}

#[cfg_attr(
    any(doc, doctest),
    doc = "[docs/reliability.md]: crate::guide::reliability\n"
)]
#[cfg_attr(any(doc, doctest), doc = include_str!("../docs/security.md"))]
#[cfg_attr(not(any(doc, doctest)), doc = "Security.")]
pub mod security {}

#[cfg_attr(any(doc, doctest), doc = include_str!("../docs/reliability.md"))]
#[cfg_attr(not(any(doc, doctest)), doc = "Reliability.")]
pub mod reliability {}

#[cfg_attr(any(doc, doctest), doc = include_str!("../docs/pooling.md"))]
#[cfg_attr(not(any(doc, doctest)), doc = "What pools compute.")]
pub mod pooling {}
