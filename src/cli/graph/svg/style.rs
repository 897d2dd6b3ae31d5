//! How the picture looks, in light and in dark.

use super::super::kind::Kind;

/// The sizes of letters: of operators, and of everything else.
pub(super) const HEAD: f64 = 12.0;
pub(super) const SMALL: f64 = 10.0;
/// The fonts, all of which are this wide, in parts of their size.
const FONTS: &str = "\"DejaVu Sans Mono\",Menlo,Consolas,\"Liberation Mono\",monospace";
pub(super) const ADVANCE: f64 = 0.602;

/// What differs between light and dark.
struct Theme {
    page: &'static str,
    text: &'static str,
    quiet: &'static str,
    edge: &'static str,
    end: &'static str,
    colors: fn(Kind) -> [&'static str; 2],
}

const LIGHT: Theme = Theme {
    page: "#ffffff",
    text: "#0f172a",
    quiet: "#475569",
    edge: "#94a3b8",
    end: "#f8fafc",
    colors: Kind::light,
};

const DARK: Theme = Theme {
    page: "#0d1117",
    text: "#e6edf3",
    quiet: "#a3b1c2",
    edge: "#64748b",
    end: "#1c2430",
    colors: Kind::dark,
};

/// The style sheet.
pub(super) fn sheet() -> String {
    format!(
        "text{{font-family:{FONTS};font-size:{SMALL}px}}\n\
         .head{{font-size:{HEAD}px;font-weight:bold}}\n\
         .edge,.inner{{fill:none;stroke-width:1.3;stroke-linecap:round}}\n\
         .inner{{stroke-dasharray:4 3}}\n\
         .box{{stroke-width:1.2}}\n\
         .focus{{stroke-width:3}}\n\
         .cut{{stroke-dasharray:4 3}}\n\
         .frame{{fill:none;stroke-dasharray:2 4}}\n\
         {}@media (prefers-color-scheme:dark){{\n{}}}\n",
        LIGHT.rules(),
        DARK.rules()
    )
}

impl Theme {
    fn rules(&self) -> String {
        let Theme {
            page,
            text,
            quiet,
            edge,
            end,
            colors,
        } = self;
        let mut rules = format!(
            ".page{{fill:{page}}}\n\
             text{{fill:{quiet}}}\n\
             .head{{fill:{text}}}\n\
             .edge,.inner,.frame{{stroke:{edge}}}\n\
             .arrow{{fill:{edge}}}\n\
             .end{{fill:{end};stroke:{edge}}}\n"
        );
        for kind in Kind::ALL {
            let ([fill, border], class) = (colors(kind), kind.class());
            rules += &format!(".{class}{{fill:{fill};stroke:{border}}}\n");
        }
        rules
    }
}
