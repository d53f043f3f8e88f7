//! Which figures may be shown.

/// What was done to a figure before it was shown, after the SDMX code list `CONF_STATUS`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Confidentiality {
    /// It is shown as it is (SDMX `F`).
    #[default]
    Free,
    /// It is rounded (no code of its own in SDMX; `N`).
    Rounded,
    /// It is withheld, by itself or because others could be computed from it (SDMX `C`).
    Withheld,
    /// It is withheld, and counted in the row of the others (SDMX `C`).
    Merged,
}
