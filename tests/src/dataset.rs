//! Parts of datasets.

/// A page of the dataset with a text in each of these locales, below `about-us` or another page.
#[must_use]
pub fn page(slug: &str, parent: Option<&str>, position: i64, locales: &[&str], title: &str, body: &str) -> seed::Page {
    let text = |locale: &&str| {
        let text = seed::PageText {
            title: title.parse().expect("a line"),
            summary: None,
            description: None,
            signature: None,
            body: body.parse().expect("Markdown"),
        };
        (locale.parse().expect("a locale"), text)
    };
    seed::Page {
        slug: slug.parse().expect("a slug"),
        parent: parent.map(|slug| slug.parse().expect("a slug")),
        position: position.try_into().expect("a position"),
        former_slugs: [].into(),
        texts: locales.iter().map(text).collect(),
    }
}
