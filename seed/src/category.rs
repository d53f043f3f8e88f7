//! `categories.csv`: the categories of visits.

use entities::{CategoryCode, Line, Locale, Localized, Position, Prose};

use crate::{
    Files,
    fault::Report,
    files::CATEGORIES,
    key::Keys,
    table::{Layout, Row, cell},
    text,
};

const LAYOUT: Layout = Layout { path: CATEGORIES, fixed: &["code", "position"], localized: &["name", "description"] };
const CODE: usize = 0;
const POSITION: usize = 1;

/// A category of visits.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Category {
    /// Its code; no other category has it.
    pub code: CategoryCode,
    /// Its place in lists.
    pub position: Position,
    /// What it is called; a locale without a name for it is absent.
    pub labels: Localized<CategoryLabel>,
}

/// What a category is called in one locale.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CategoryLabel {
    /// The name.
    pub name: Line,
    /// What is counted under it.
    pub description: Option<Prose>,
}

pub(crate) fn read(
    files: &Files,
    locales: Option<&[Locale]>,
    report: &mut Report,
) -> (Vec<Category>, Keys<CategoryCode>) {
    let mut categories = Vec::new();
    let Some(text) = text::required(files, CATEGORIES, report) else { return (categories, Keys::new(false)) };
    let Some((heading, mut records)) = LAYOUT.open(&text, locales, report) else {
        return (categories, Keys::new(false));
    };
    let mut codes = Keys::new(heading.has(CODE));
    while let Some(row) = heading.next(&mut records, report) {
        if !row.is_sound(CODE) {
            codes.doubt();
        }
        let code = row.required::<CategoryCode>(CODE, report);
        let position = row.required(POSITION, report);
        if let Some(code) = &code
            && let Err(rule) = codes.add(code.clone())
        {
            row.fault(CODE, rule, report);
        }
        let labels = read_labels(&row, report);
        row.require_one(row.groups().map(|(_, [name, _])| name), report);
        if let Some((code, position)) = code.zip(position) {
            categories.push(Category { code, position, labels });
        }
    }
    (categories, codes)
}

fn read_labels(row: &Row<'_, '_>, report: &mut Report) -> Localized<CategoryLabel> {
    let mut labels = Localized::new();
    for (locale, group) in row.groups::<2>() {
        if !row.any(&group) {
            continue;
        }
        let [name, description] = group;
        let name = row.required(name, report);
        let description = row.optional(description, report);
        if let Some(name) = name {
            labels.insert(locale.clone(), CategoryLabel { name, description });
        }
    }
    labels
}

pub(crate) fn render(categories: &[Category], locales: &[Locale]) -> String {
    LAYOUT.render(locales, categories, |category| {
        let mut cells = vec![category.code.to_string(), category.position.to_string()];
        for locale in locales {
            let label = category.labels.get(locale);
            cells.push(cell(label.map(|label| &label.name)));
            cells.push(cell(label.and_then(|label| label.description.as_ref())));
        }
        cells
    })
}
