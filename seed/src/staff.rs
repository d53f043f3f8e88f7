//! `staff.csv`: the members of staff.

use entities::{Email, Line, Locale, Localized, Position, Slug};

use crate::{
    Files,
    fault::Report,
    files::STAFF,
    key::Keys,
    table::{Layout, Row, cell},
    text,
};

const LAYOUT: Layout = Layout {
    path: STAFF,
    fixed: &["slug", "position", "email", "telephone"],
    localized: &["name", "role", "degree", "field"],
};
const SLUG: usize = 0;
const POSITION: usize = 1;
const EMAIL: usize = 2;
const TELEPHONE: usize = 3;

/// A member of staff.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StaffMember {
    /// The name of the record; no other has it.
    pub slug: Slug,
    /// The member's place in the list.
    pub position: Position,
    /// Where mail reaches the member.
    pub email: Option<Email>,
    /// Where a call reaches the member, as it is to be shown.
    pub telephone: Option<Line>,
    /// What is said of the member; a locale that says nothing is absent.
    pub texts: Localized<StaffText>,
}

/// What is said of a member of staff in one locale.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StaffText {
    /// The name.
    pub name: Line,
    /// The role (`Head`).
    pub role: Line,
    /// The academic degree.
    pub degree: Option<Line>,
    /// The field of work.
    pub field: Option<Line>,
}

pub(crate) fn read(files: &Files, locales: Option<&[Locale]>, report: &mut Report) -> Vec<StaffMember> {
    let mut staff = Vec::new();
    let Some(text) = text::required(files, STAFF, report) else { return staff };
    let Some((heading, mut records)) = LAYOUT.open(&text, locales, report) else { return staff };
    let mut slugs = Keys::new(true);
    while let Some(row) = heading.next(&mut records, report) {
        let slug = row.required::<Slug>(SLUG, report);
        let position = row.required(POSITION, report);
        let email = row.optional(EMAIL, report);
        let telephone = row.optional(TELEPHONE, report);
        if let Some(slug) = &slug
            && let Err(rule) = slugs.add(slug.clone())
        {
            row.fault(SLUG, rule, report);
        }
        let texts = read_texts(&row, report);
        if let Some((slug, position)) = slug.zip(position) {
            staff.push(StaffMember { slug, position, email, telephone, texts });
        }
    }
    staff
}

fn read_texts(row: &Row<'_, '_>, report: &mut Report) -> Localized<StaffText> {
    let mut texts = Localized::new();
    for (locale, group) in row.groups::<4>() {
        if !row.any(&group) {
            continue;
        }
        let [name, role, degree, field] = group;
        let name = row.required(name, report);
        let role = row.required(role, report);
        let degree = row.optional(degree, report);
        let field = row.optional(field, report);
        if let Some((name, role)) = name.zip(role) {
            texts.insert(locale.clone(), StaffText { name, role, degree, field });
        }
    }
    texts
}

pub(crate) fn render(staff: &[StaffMember], locales: &[Locale]) -> String {
    LAYOUT.render(locales, staff, |member| {
        let mut cells = vec![
            member.slug.to_string(),
            member.position.to_string(),
            cell(member.email.as_ref()),
            cell(member.telephone.as_ref()),
        ];
        for locale in locales {
            let text = member.texts.get(locale);
            cells.push(cell(text.map(|text| &text.name)));
            cells.push(cell(text.map(|text| &text.role)));
            cells.push(cell(text.and_then(|text| text.degree.as_ref())));
            cells.push(cell(text.and_then(|text| text.field.as_ref())));
        }
        cells
    })
}
