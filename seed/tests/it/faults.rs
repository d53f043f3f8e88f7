//! Every fault is reported, at once, in its place and by its rule.

use entities::Rule;
use seed::{Dataset, Files};

const SITE: &str = r#"default_locale = "ja"

[name]
en = "Almanac"
ja = "年鑑"

[[locales]]
code = "ja"
name = "日本語"
direction = "ltr"
fallback = ["en"]

[[locales]]
code = "en"
name = "English"
direction = "ltr"
fallback = ["ja"]
"#;

/// A small dataset without fault.
fn small() -> Files {
    let mut files = Files::default();
    files.insert("site.toml", SITE);
    files.insert("pages.csv", "slug,parent,position,former_slugs\nhome,,1,\nnews,home,1,old-news\n");
    files.insert("pages/home.ja.md", "+++\ntitle = \"家\"\n+++\n\n本文\n");
    files.insert(
        "staff.csv",
        "slug,position,email,telephone,name_ja,role_ja,degree_ja,field_ja,name_en,role_en,degree_en,field_en\n\
         ann,1,,,アン,室長,,,Ann,Head,,\n",
    );
    files.insert("countries.csv", "code,position,name_ja,name_en\nCN,1,中国,China\nIN,2,インド,India\n");
    files.insert(
        "categories.csv",
        "code,position,name_ja,description_ja,name_en,description_en\nTRAVEL,1,渡航,,Travel,\n",
    );
    files.insert(
        "figures/visit_counts.csv",
        "category,country,year,value,status,note_ja,note_en\nTRAVEL,CN,2018,48,FINAL,,\n",
    );
    files.insert("figures/yearly_totals.csv", "category,year,value,status,note_ja,note_en\nTRAVEL,2018,48,FINAL,,\n");
    files
}

/// The faults of the small dataset with these files in the place of its own, one a line.
fn faults(changes: &[(&str, &str)]) -> Vec<String> {
    let mut files = small();
    for (path, text) in changes {
        files.insert(*path, *text);
    }
    faults_of(&files)
}

fn faults_of(files: &Files) -> Vec<String> {
    match Dataset::parse(files) {
        Ok(_) => Vec::new(),
        Err(faults) => faults.as_slice().iter().map(ToString::to_string).collect(),
    }
}

fn rules_of(files: &Files) -> Vec<Rule> {
    Dataset::parse(files).err().into_iter().flatten().map(|fault| fault.rule).collect()
}

/// `SITE` with one line in the place of another.
fn site(line: &str, instead: &str) -> String {
    assert!(SITE.contains(line));
    SITE.replacen(line, instead, 1)
}

#[test]
fn a_sound_dataset_has_no_fault() {
    assert_eq!(faults(&[]), [""; 0]);
}

#[test]
fn faults_of_several_files_are_reported_at_once_and_counted() {
    let mut files = small();
    files.remove("staff.csv");
    files.insert("notes.txt", "");
    files.insert("pages/home.ja.md", "+++\ntitle = \"\"\nauthor = \"x\"\n+++\n");
    files.insert("countries.csv", "code,position,name_ja,name_en\nCN,x,中国,China\nin,2,インド,India\n");
    files.insert(
        "figures/visit_counts.csv",
        "category,country,year,value,status,note_ja,note_en\nTRAVEL,CN,2018,1.5,FINAL,,\nTRAVEL,IN,1,,GUESS,,\n",
    );
    let report = Dataset::parse(&files).err().map(|faults| faults.to_string());
    let expected = "\
countries.csv:2:2: position: must be a whole number, got \"x\"
countries.csv:3:1: code: must be two upper-case letters (ISO 3166-1 alpha-2), such as JP, got \"in\"
figures/visit_counts.csv:2:4: value: must be a whole number, got \"1.5\"
figures/visit_counts.csv:3:2: country: names something that does not exist, got \"IN\"
figures/visit_counts.csv:3:3: year: must be between 1900 and 2200, got \"1\"
figures/visit_counts.csv:3:5: status: must be one of FINAL, PROVISIONAL, ESTIMATED, IMPUTED, REVISED, BREAK, MISSING, NOT_APPLICABLE, SUPPRESSED, NOT_YET, got \"GUESS\"
notes.txt:1:1: is not a file of a dataset
pages/home.ja.md:2:9: title: is required
pages/home.ja.md:3:1: author: is not a known field here
staff.csv:1:1: is required
10 faults";
    assert_eq!(report.as_deref(), Some(expected));
}

#[test]
fn a_file_that_is_no_sound_text_is_refused_where_it_goes_wrong() {
    let mut files = small();
    files.insert("pages.csv", b"slug,parent,position,former_slugs\nhome,,1,\nn\xffws,home,1,\n".to_vec());
    assert_eq!(faults_of(&files), ["pages.csv:3:2: must be UTF-8"]);
    let line_ending = "must end every line, the last one too, with a line feed alone (LF)";
    assert_eq!(
        faults(&[("pages.csv", "\u{feff}slug,parent,position,former_slugs\r\nhome,,1,\r\nnews,home,x,")]),
        [
            "pages.csv:1:1: must not begin with a byte order mark".to_owned(),
            format!("pages.csv:1:34: {line_ending}"),
            "pages.csv:3:3: position: must be a whole number, got \"x\"".to_owned(),
            format!("pages.csv:3:13: {line_ending}"),
        ],
    );
    let mut files = small();
    files.insert("staff.csv", vec![b'a'; Files::MAX_FILE_BYTES + 1]);
    assert_eq!(rules_of(&files), [Rule::FileTooLarge { max_mib: 64 }]);
}

#[test]
fn every_required_file_is_missed() {
    assert_eq!(rules_of(&Files::default()), vec![Rule::Required; 7]);
}

#[test]
fn only_the_names_of_the_format_are_known() {
    for path in ["x.csv", "figures/x.csv", "pages/home.md", "pages/home.JA.md", "pages/a/home.ja.md", "Site.toml"] {
        let mut files = small();
        files.insert(path, "");
        assert_eq!(faults_of(&files), [format!("{path}:1:1: is not a file of a dataset")]);
    }
}

#[test]
fn a_header_is_exactly_the_columns_of_the_format() {
    let path = "figures/yearly_totals.csv";
    let order = "the columns must stand in the order category, year, value, status, note_ja, note_en";
    for (header, expected) in [
        (
            "category,year,value,status,note_ja\nTRAVEL,x,1,FINAL,\n",
            vec!["1:6: note_en: is required", "2:2: year: must be a whole number, got \"x\""],
        ),
        ("category,year,value,status,note_ja,note_en,hint\n", vec!["1:7: hint: is not a known field here"]),
        ("category,year,year,value,status,note_ja,note_en\n", vec!["1:3: year: must not stand twice"]),
        (
            "category,value,year,status,note_ja,note_en\nTRAVEL,x,2018,FINAL,,\n",
            vec![&*format!("1:3: year: {order}"), "2:2: value: must be a whole number, got \"x\""],
        ),
        ("category,year,value,status,note_en,note_ja\n", vec![&*format!("1:6: note_ja: {order}")]),
        ("", vec!["1:1: is required"]),
    ] {
        let expected: Vec<_> = expected.into_iter().map(|fault| format!("{path}:{fault}")).collect();
        assert_eq!(faults(&[(path, header)]), expected);
    }
}

#[test]
fn a_record_has_as_many_fields_as_the_header() {
    let text = "slug,parent,position,former_slugs\nhome,,1,\n\nnews,home,1\nx,home,1,,\n";
    let rule = "the record must have 4 fields, as the header has";
    assert_eq!(
        faults(&[("pages.csv", text)]),
        [
            "pages.csv:3:1: slug: is required".to_owned(),
            format!("pages.csv:3:2: {rule}"),
            format!("pages.csv:4:4: {rule}"),
            format!("pages.csv:5:5: {rule}"),
        ],
    );
}

#[test]
fn lines_are_counted_through_quoted_line_breaks() {
    let text = "category,country,year,value,status,note_ja,note_en\n\
                TRAVEL,CN,2018,48,FINAL,\"一\n二\", x\nTRAVEL,IN,2018,x,FINAL,,\n";
    assert_eq!(
        faults(&[("figures/visit_counts.csv", text)]),
        [
            "figures/visit_counts.csv:3:7: note_en: must not begin or end with white space, got \" x\"",
            "figures/visit_counts.csv:4:4: value: must be a whole number, got \"x\"",
        ],
    );
}

#[test]
fn quotation_marks_stand_around_whole_fields() {
    let stray = "a quotation mark stands in a field that is not quoted: quote the field and double the mark";
    let text = "code,position,name_ja,name_en\nCN,1,中\"国,China\nIN,2,\"インド\"x,India\nJP,3,\"日本,Japan\n";
    assert_eq!(
        faults(&[("countries.csv", text)]),
        [
            format!("countries.csv:2:3: {stray}"),
            "countries.csv:3:3: text stands after the closing quotation mark".to_owned(),
            "countries.csv:4:3: the quotation mark is never closed".to_owned(),
            "countries.csv:4:4: the record must have 4 fields, as the header has".to_owned(),
        ],
    );
}

#[test]
fn keys_are_unique_and_references_exist() {
    let figures = "category,country,year,value,status,note_ja,note_en\n\
                   TRAVEL,CN,2018,48,FINAL,,\nTRAVEL,CN,2018,,MISSING,,\nSTAY,JP,2018,1,FINAL,,\n";
    let totals = "category,year,value,status,note_ja,note_en\n\
                  TRAVEL,2018,1,FINAL,,\nTRAVEL,2018,1,FINAL,,\nSTAY,2018,1,FINAL,,\n";
    let countries = "code,position,name_ja,name_en\nCN,1,中国,China\nCN,2,中国,China\n";
    assert_eq!(
        faults(&[
            ("figures/visit_counts.csv", figures),
            ("figures/yearly_totals.csv", totals),
            ("countries.csv", countries),
        ]),
        [
            "countries.csv:3:1: code: must not stand twice, got \"CN\"",
            "figures/visit_counts.csv:3:1: category,country,year: must not stand twice, got \"TRAVEL,CN,2018\"",
            "figures/visit_counts.csv:4:1: category: names something that does not exist, got \"STAY\"",
            "figures/visit_counts.csv:4:2: country: names something that does not exist, got \"JP\"",
            "figures/yearly_totals.csv:3:1: category,year: must not stand twice, got \"TRAVEL,2018\"",
            "figures/yearly_totals.csv:4:1: category: names something that does not exist, got \"STAY\"",
        ],
    );
}

#[test]
fn a_table_that_cannot_be_read_accuses_no_other_table() {
    let mut files = small();
    files.remove("countries.csv");
    files.remove("categories.csv");
    files.remove("pages.csv");
    files.remove("site.toml");
    assert_eq!(
        faults_of(&files),
        ["categories.csv", "countries.csv", "pages.csv", "site.toml"].map(|path| format!("{path}:1:1: is required")),
    );
}

#[test]
fn a_quotation_mark_that_swallows_the_rest_of_a_table_accuses_no_other_table() {
    let text = "code,position,name_ja,name_en\nIN,1,インド,\"India\nCN,2,中国,China\n";
    assert_eq!(faults(&[("countries.csv", text)]), ["countries.csv:2:4: the quotation mark is never closed"],);
}

#[test]
fn a_value_stands_exactly_where_its_status_has_one() {
    let text = "category,country,year,value,status,note_ja,note_en\n\
                TRAVEL,CN,2018,,FINAL,,\nTRAVEL,CN,2019,0,MISSING,,\nTRAVEL,CN,2020,0,FINAL,,\nTRAVEL,CN,2021,,,,\n";
    assert_eq!(
        faults(&[("figures/visit_counts.csv", text)]),
        [
            "figures/visit_counts.csv:2:4: value: this status needs a value",
            "figures/visit_counts.csv:3:4: value: this status explains why there is no value, so it must not have one, got \"0\"",
            "figures/visit_counts.csv:5:5: status: is required",
        ],
    );
}

#[test]
fn statuses_stand_together_unless_they_contradict_each_other() {
    let counts = "category,country,year,value,status,note_ja,note_en\n\
                  TRAVEL,CN,2018,1,REVISED IMPUTED,,\nTRAVEL,CN,2019,1,FINAL REVISED,,\n\
                  TRAVEL,CN,2020,,MISSING BREAK,,\nTRAVEL,CN,2021,1,IMPUTED;REVISED,,\n";
    let totals = "category,year,value,status,note_ja,note_en\n\
                  TRAVEL,2018,1,PROVISIONAL BREAK,,\nTRAVEL,2019,1,,,\nTRAVEL,2020,1,NOT_YET,,\nTRAVEL,2021,,FINAL,,\n";
    let alone = "FINAL, and a status that explains why there is no value, must stand alone";
    let names = "must be one of FINAL, PROVISIONAL, ESTIMATED, IMPUTED, REVISED, BREAK, MISSING, NOT_APPLICABLE, \
                 SUPPRESSED, NOT_YET";
    let no_value = "this status explains why there is no value, so it must not have one";
    assert_eq!(
        faults(&[("figures/visit_counts.csv", counts), ("figures/yearly_totals.csv", totals)]),
        [
            format!("figures/visit_counts.csv:3:5: status: {alone}, got \"FINAL REVISED\""),
            format!("figures/visit_counts.csv:4:5: status: {alone}, got \"MISSING BREAK\""),
            format!("figures/visit_counts.csv:5:5: status: {names}, got \"IMPUTED;REVISED\""),
            "figures/yearly_totals.csv:3:4: status: is required".to_owned(),
            format!("figures/yearly_totals.csv:4:4: status: {no_value}, got \"NOT_YET\""),
            "figures/yearly_totals.csv:5:3: value: is required".to_owned(),
        ],
    );
}

#[test]
fn the_figures_of_a_category_and_year_must_have_a_sum_that_can_be_published() {
    let text = "category,country,year,value,status,note_ja,note_en\n\
                TRAVEL,CN,2018,2147483647,FINAL,,\nTRAVEL,IN,2018,1,FINAL,,\n";
    assert_eq!(
        faults(&[("figures/visit_counts.csv", text)]),
        ["figures/visit_counts.csv:3:4: value: the sum must be at most 2147483647, got \"1\""],
    );
}

#[test]
fn parents_exist_and_lead_to_a_root() {
    let text = "slug,parent,position,former_slugs\nhome,,1,\nself,self,1,\na,b,1,\nb,c,1,\nc,a,1,\nbelow,a,1,\nlost,nowhere,1,\nhome,,2,\n";
    let own_ancestor = "parent: would make the page its own ancestor";
    assert_eq!(
        faults(&[("pages.csv", text)]),
        [
            format!("pages.csv:3:2: {own_ancestor}, got \"self\""),
            format!("pages.csv:4:2: {own_ancestor}, got \"b\""),
            format!("pages.csv:5:2: {own_ancestor}, got \"c\""),
            format!("pages.csv:6:2: {own_ancestor}, got \"a\""),
            "pages.csv:8:2: parent: names something that does not exist, got \"nowhere\"".to_owned(),
            "pages.csv:9:1: slug: must not stand twice, got \"home\"".to_owned(),
        ],
    );
}

#[test]
fn a_slug_stands_once_be_it_the_present_or_a_former_one() {
    let text = "slug,parent,position,former_slugs\nhome,,1,start index start\nnews,,2,home index\nold,,3,news old x\n\
                x,,4,\nlast,x,5,first\nchild,first,6,\n";
    let twice = "must not stand twice";
    assert_eq!(
        faults(&[("pages.csv", text), ("pages/index.ja.md", "+++\ntitle = \"T\"\n+++\n")]),
        [
            format!("pages.csv:2:4: former_slugs: {twice}, got \"start\""),
            format!("pages.csv:3:4: former_slugs: {twice}, got \"home\""),
            format!("pages.csv:3:4: former_slugs: {twice}, got \"index\""),
            format!("pages.csv:4:4: former_slugs: {twice}, got \"news\""),
            format!("pages.csv:4:4: former_slugs: {twice}, got \"old\""),
            format!("pages.csv:5:1: slug: {twice}, got \"x\""),
            "pages.csv:7:2: parent: names something that does not exist, got \"first\"".to_owned(),
            "pages/index.ja.md:1:1: slug: names something that does not exist, got \"index\"".to_owned(),
        ],
    );
}

#[test]
fn former_slugs_are_slugs_with_one_space_between_them() {
    let slug = "must be lower-case letters, digits and single hyphens, such as about-us";
    let spaces = "must be slugs with a single space between them";
    for (cell, expected) in [
        ("", vec![]),
        ("a b-2 2022", vec![]),
        ("a  b", vec![format!("{spaces}, got \"a  b\"")]),
        (" a", vec![format!("{spaces}, got \" a\"")]),
        (" ", vec![format!("{spaces}, got \" \"")]),
        ("a;b C", vec![format!("{slug}, got \"a;b\""), format!("{slug}, got \"C\"")]),
    ] {
        let text = format!("slug,parent,position,former_slugs\nhome,,1,{cell}\n");
        let expected: Vec<_> =
            expected.into_iter().map(|fault| format!("pages.csv:2:4: former_slugs: {fault}")).collect();
        assert_eq!(faults(&[("pages.csv", &text)]), expected, "{cell:?}");
    }
}

#[test]
fn an_address_and_a_telephone_number_are_what_they_say_or_absent() {
    let header =
        "slug,position,email,telephone,name_ja,role_ja,degree_ja,field_ja,name_en,role_en,degree_en,field_en\n";
    let text =
        format!("{header}ann,1,ann@example.org,+81 3 0000 0000,,,,,,,,\nbob,2,bob, 1,,,,,,,,\ncy,3, ,,,,,,,,,\n");
    assert_eq!(
        faults(&[("staff.csv", &text)]),
        [
            "staff.csv:3:3: email: must be an e-mail address, such as editor@example.org, got \"bob\"",
            "staff.csv:3:4: telephone: must not begin or end with white space, got \" 1\"",
            "staff.csv:4:3: email: must not begin or end with white space, got \" \"",
        ],
    );
    assert_eq!(
        faults(&[("staff.csv", &header.replace("email,telephone,", ""))]),
        ["staff.csv:1:3: email: is required", "staff.csv:1:4: telephone: is required"],
    );
}

#[test]
fn a_text_in_a_locale_is_complete_or_absent() {
    let staff = "slug,position,email,telephone,name_ja,role_ja,degree_ja,field_ja,name_en,role_en,degree_en,field_en\n\
                 ann,1,,,アン,,,,,,MD,\n";
    let categories = "code,position,name_ja,description_ja,name_en,description_en\nTRAVEL,1,渡航,,,Visits.\n";
    let countries = "code,position,name_ja,name_en\nCN,1,,\nIN,2,,India\n";
    assert_eq!(
        faults(&[("staff.csv", staff), ("categories.csv", categories), ("countries.csv", countries)]),
        [
            "categories.csv:2:5: name_en: is required",
            "countries.csv:2:3: name_ja: is required",
            "staff.csv:2:6: role_ja: is required",
            "staff.csv:2:9: name_en: is required",
            "staff.csv:2:10: role_en: is required",
        ],
    );
}

#[test]
fn a_page_text_belongs_to_a_page_and_a_locale_of_the_site() {
    let text = "+++\ntitle = \"T\"\n+++\n";
    assert_eq!(
        faults(&[("pages/gone.ja.md", text), ("pages/home.fr.md", text)]),
        [
            "pages/gone.ja.md:1:1: slug: names something that does not exist, got \"gone\"",
            "pages/home.fr.md:1:1: locale: names something that does not exist, got \"fr\"",
        ],
    );
}

#[test]
fn front_matter_is_closed_and_holds_only_texts_that_are_known() {
    let fences = "must be front matter between two lines of +++";
    for (text, expected) in [
        ("本文\n", vec![format!("1:1: {fences}")]),
        ("+++\ntitle = \"T\"\n\n本文\n", vec![format!("5:1: {fences}")]),
        ("+++\n+++\n", vec!["1:1: title: is required".into()]),
        ("+++\ntitle = 1\n+++\n", vec!["2:9: title: must be a text in double quotes".into()]),
        (
            "+++\ntitle = \"T\"\nsummary = \"\"\nmood = \"x\"\n+++\n",
            vec!["3:11: summary: is required".into(), "4:1: mood: is not a known field here".into()],
        ),
        (
            "+++\ntitle = \"T\"\n+++\n本文\n",
            vec!["4:1: body: must be separated from the front matter by a blank line".into()],
        ),
        ("+++\ntitle = \"T\"\n+++\n\n一\n二\u{7}\n", vec!["6:2: body: must not contain control characters".into()]),
    ] {
        let expected: Vec<_> = expected.into_iter().map(|fault: String| format!("pages/home.ja.md:{fault}")).collect();
        assert_eq!(faults(&[("pages/home.ja.md", text)]), expected, "{text}");
    }
}

#[test]
fn broken_toml_is_reported_where_it_breaks_and_accuses_no_other_key() {
    let found = faults(&[("pages/home.ja.md", "+++\ntitle \"T\"\nmood = 1\n+++\n")]);
    assert!(found[0].starts_with("pages/home.ja.md:2:7: "), "{found:?}");
    assert!(!found.iter().any(|fault| fault.contains("title: is required")), "{found:?}");
}

#[test]
fn the_site_is_complete_and_consistent() {
    for (text, expected) in [
        (site("default_locale = \"ja\"", ""), vec!["1:1: default_locale: is required"]),
        (
            site("default_locale = \"ja\"", "default_locale = \"fr\""),
            vec!["1:18: default_locale: names something that does not exist, got \"fr\"", "3:1: name.fr: is required"],
        ),
        (site("ja = \"年鑑\"\n", ""), vec!["3:1: name.ja: is required"]),
        (site("en = \"Almanac\"", "fr = \"Almanac\""), vec!["4:1: name.fr: names something that does not exist"]),
        (site("en = \"Almanac\"", "en = 1"), vec!["4:6: name.en: must be a text in double quotes"]),
        (site("\ndirection = \"ltr\"", ""), vec!["7:1: locales.direction: is required"]),
        (
            site("direction = \"ltr\"", "direction = \"up\""),
            vec!["10:13: locales.direction: must be one of ltr, rtl, got \"up\""],
        ),
        (
            site("fallback = [\"en\"]", "fallback = [\"en\", \"en\", \"ja\", \"fr\", 1]"),
            vec![
                "11:19: locales.fallback: must not stand twice, got \"en\"",
                "11:25: locales.fallback: leads back to the locale itself, got \"ja\"",
                "11:31: locales.fallback: names something that does not exist, got \"fr\"",
                "11:37: locales.fallback: must be a text in double quotes",
            ],
        ),
        (
            site("fallback = [\"en\"]", "fallback = \"en\""),
            vec!["11:12: locales.fallback: must be a list of texts, such as [\"en\"]"],
        ),
        (site("fallback = [\"en\"]", "fallback = []\nmood = 1"), vec!["12:1: locales.mood: is not a known field here"]),
        (site("[name]", "required_locales = []\n\n[name]"), vec![]),
        (
            site("[name]", "required_locales = [\"ja\", \"fr\", \"ja\", \"-\"]\n\n[name]"),
            vec![
                "3:27: required_locales: names something that does not exist, got \"fr\"",
                "3:33: required_locales: must not stand twice, got \"ja\"",
                "3:39: required_locales: must be a BCP 47 language tag, such as ja or zh-Hant, got \"-\"",
            ],
        ),
        (
            site("[name]", "required_locales = \"ja\"\n\n[name]"),
            vec!["3:20: required_locales: must be a list of texts, such as [\"en\"]"],
        ),
        (site("[[locales]]", "[disclosure]\nmethod = \"OFF\"\nthreshold = \"2\"\n\n[[locales]]"), vec![]),
        (
            site("[[locales]]", "[disclosure]\nmethod = \"HIDE\"\nthreshold = \"1\"\nmood = \"x\"\n\n[[locales]]"),
            vec![
                "8:10: disclosure.method: must be one of OFF, WARN, SUPPRESS, ROUND, MERGE, got \"HIDE\"",
                "9:13: disclosure.threshold: must be between 2 and 1000, got \"1\"",
                "10:1: disclosure.mood: is not a known field here",
            ],
        ),
        (
            site("[[locales]]", "[disclosure]\nthreshold = 10\n\n[[locales]]"),
            vec!["7:1: disclosure.method: is required", "8:13: disclosure.threshold: must be a text in double quotes"],
        ),
        (
            site("[name]", "disclosure = \"OFF\"\n\n[name]"),
            vec!["3:14: disclosure: must be a table, such as [disclosure]"],
        ),
        (site("en = \"Almanac\"", "en = \"Almanac\"\nJA = \"年鑑\""), vec!["6:1: name.ja: must not stand twice"]),
        (site("[name]", "title = 1\n\n[name]"), vec!["3:1: title: is not a known field here"]),
        (
            SITE.replace("code = \"en\"", "code = \"ja\"")
                .replace("[\"ja\"]", "[]")
                .replace("[\"en\"]", "[]")
                .replace("en = \"Almanac\"\n", ""),
            vec!["13:8: locales.code: must not stand twice, got \"ja\""],
        ),
    ] {
        let expected: Vec<_> = expected.into_iter().map(|fault| format!("site.toml:{fault}")).collect();
        let mut found = faults(&[("site.toml", &text)]);
        found.retain(|fault| fault.starts_with("site.toml"));
        assert_eq!(found, expected, "{text}");
    }
}

const SHEET: &str = "figures/fact-sheet.toml";

/// What is wrong with a fact sheet of the small dataset.
fn sheet_faults(text: &str) -> Vec<String> {
    let found = faults(&[(SHEET, text)]);
    found.iter().map(|fault| fault.strip_prefix("figures/fact-sheet.toml:").unwrap_or(fault).to_owned()).collect()
}

#[test]
fn a_fact_sheet_may_be_absent_but_not_say_what_nobody_asks_for() {
    for (text, expected) in [
        ("period = \"CALENDAR_YEAR\"\n", vec![]),
        ("period = \"JAPANESE_FISCAL_YEAR\"\n\n[title]\n", vec![]),
        ("", vec!["1:1: period: is required"]),
        ("period = \"YEAR\"\n", vec!["1:10: period: must be one of CALENDAR_YEAR, JAPANESE_FISCAL_YEAR, got \"YEAR\""]),
        (
            "period = \"CALENDAR_YEAR\"\nauthor = \"x\"\ntitle = \"T\"\n",
            vec![
                "2:1: author: is not a known field here",
                "3:9: title: must be a table of texts by locale, such as { en = \"Name\" }",
            ],
        ),
        (
            "period = \"CALENDAR_YEAR\"\ncontact_email = \"ann\"\ncontact_url = \"example.org\"\nlicence_url = \"\"\n",
            vec![
                "2:17: contact_email: must be an e-mail address, such as editor@example.org, got \"ann\"",
                "3:15: contact_url: must be an address on the web, such as https://www.example.org/, got \"example.org\"",
                "4:15: licence_url: is required",
            ],
        ),
        (
            "period = \"CALENDAR_YEAR\"\n\n[title]\nja = \"題\"\nfr = \"Titre\"\nJA = \"題\"\nen = \"\"\n\n[method]\nen = 1\n",
            vec![
                "4:1: title.ja: must not stand twice",
                "5:1: title.fr: names something that does not exist",
                "7:6: title.en: is required",
                "10:6: method.en: must be a text in double quotes",
            ],
        ),
    ] {
        assert_eq!(sheet_faults(text), expected, "{text}");
    }
}

#[test]
fn a_day_is_read_only_in_the_form_in_which_it_is_written() {
    for (day, expected) in [
        ("\"2026-04-01\"", None),
        ("\"2026-4-1\"", Some("must be a day, such as 2026-04-01, got \"2026-4-1\"")),
        ("\"2026-02-29\"", Some("must be a day, such as 2026-04-01, got \"2026-02-29\"")),
        ("\" 2026-04-01\"", Some("must be a day, such as 2026-04-01, got \" 2026-04-01\"")),
        ("\"\"", Some("is required")),
        ("2026-04-01", Some("must be a text in double quotes")),
    ] {
        let expected: Vec<_> = expected.into_iter().map(|fault| format!("2:15: next_update: {fault}")).collect();
        assert_eq!(sheet_faults(&format!("period = \"CALENDAR_YEAR\"\nnext_update = {day}\n")), expected, "{day}");
    }
}

#[test]
fn breaks_are_complete_and_of_categories_that_exist() {
    let text = r#"period = "CALENDAR_YEAR"

[[breaks]]
year = "2020"
kind = "EVENT"
label.ja = "流行"

[[breaks]]
year = "2020"
category = "STAY"
kind = "END"
label.fr = "Fin"

[[breaks]]
year = 2020
label = {}
mood = "x"

[[breaks]]
kind = "EVENT"
year = "2020"

[breaks.label]
ja = "流行"
"#;
    assert_eq!(
        sheet_faults(text),
        [
            "10:12: breaks.category: names something that does not exist, got \"STAY\"",
            "11:8: breaks.kind: must be one of SERIES_BREAK, EVENT, got \"END\"",
            "12:7: breaks.label.fr: names something that does not exist",
            "14:1: breaks.kind: is required",
            "15:8: breaks.year: must be a text in double quotes",
            "16:9: breaks.label: is required",
            "17:1: breaks.mood: is not a known field here",
            "19:1: breaks: must not stand twice",
        ],
    );
    assert_eq!(
        sheet_faults("period = \"CALENDAR_YEAR\"\nbreaks = \"2020\"\n"),
        ["2:10: breaks: must be a list of tables, each under [[breaks]]"],
    );
}

#[test]
fn footnotes_have_a_text_and_stand_in_places_that_exist() {
    let text = r#"period = "CALENDAR_YEAR"

[[footnotes]]
text.ja = "注"
places = [
    { category = "TRAVEL", country = "CN", year = "2018" },
    { country = "CN" },
    { country = "JP", category = "STAY" },
    {},
    { year = "18", place = "x" },
    { category = "TRAVEL", country = "CN", year = "2018" },
    "CN",
]

[[footnotes]]
places = "CN"

[[footnotes]]
text.en = "Note"

[[footnotes]]

[footnotes.text]
en = "Note"
"#;
    let list = "footnotes.places: must be a list of places, such as [{ category = \"RESIDENT\", year = \"2020\" }]";
    assert_eq!(
        sheet_faults(text),
        [
            "8:17: footnotes.places.country: names something that does not exist, got \"JP\"".to_owned(),
            "8:34: footnotes.places.category: names something that does not exist, got \"STAY\"".to_owned(),
            "9:5: footnotes.places: is required".to_owned(),
            "10:14: footnotes.places.year: must be between 1900 and 2200, got \"18\"".to_owned(),
            "10:20: footnotes.places.place: is not a known field here".to_owned(),
            "11:5: footnotes.places: must not stand twice, got \"TRAVEL,CN,2018\"".to_owned(),
            format!("12:5: {list}"),
            "15:1: footnotes.text: is required".to_owned(),
            format!("16:10: {list}"),
            "21:1: footnotes: must not stand twice".to_owned(),
        ],
    );
}

#[test]
fn a_fact_sheet_has_no_more_breaks_footnotes_and_places_than_can_be_kept() {
    let many = |before: &str, item: &dyn Fn(usize) -> String, count: usize| {
        format!("period = \"CALENDAR_YEAR\"\n{before}{}", (0..count).map(item).collect::<String>())
    };
    let event = |n: usize| format!("[[breaks]]\nyear = \"2020\"\nkind = \"EVENT\"\nlabel.ja = \"{n}\"\n");
    let footnote = |n: usize| format!("[[footnotes]]\ntext.ja = \"{n}\"\n");
    let place = |n: usize| {
        let (category, country) = (["", "category = \"TRAVEL\", "][n % 2], ["CN", "IN"][n / 2 % 2]);
        format!("    {{ {category}country = \"{country}\", year = \"{}\" }},\n", 1900 + n / 4)
    };
    let places = |count| format!("{}]\n", many("[[footnotes]]\ntext.ja = \"注\"\nplaces = [\n", &place, count));
    for sound in [many("", &event, 200), many("", &footnote, 200), places(500)] {
        assert_eq!(sheet_faults(&sound), [""; 0]);
    }
    // What is one too many is not even read, so it does not matter what else is wrong with it.
    assert_eq!(
        sheet_faults(&(many("", &event, 200) + "[[breaks]]\n[[breaks]]\n")),
        ["802:1: breaks: must have at most 200 items"],
    );
    assert_eq!(
        sheet_faults(&(many("", &footnote, 200) + "[[footnotes]]\n")),
        ["402:1: footnotes: must have at most 200 items"],
    );
    assert_eq!(sheet_faults(&places(501)), ["505:5: footnotes.places: must have at most 500 items"]);
}

#[test]
fn a_fact_sheet_does_not_accuse_what_cannot_be_read_elsewhere() {
    let mut files = small();
    for path in ["site.toml", "countries.csv", "categories.csv"] {
        files.remove(path);
    }
    let text = "period = \"CALENDAR_YEAR\"\n\n[title]\nfr = \"Titre\"\n\n[[footnotes]]\ntext.fr = \"Note\"\n\
                places = [{ category = \"STAY\", country = \"JP\" }]\n";
    files.insert(SHEET, text);
    assert_eq!(
        faults_of(&files),
        ["categories.csv", "countries.csv", "site.toml"].map(|path| format!("{path}:1:1: is required")),
    );
}

#[test]
fn a_fact_sheet_has_one_form_however_it_was_written() {
    let mut files = small();
    files.insert(
        SHEET,
        "title = { en = \"Figures\", ja = '統計' }\nperiod = \"CALENDAR_YEAR\"\nunit = {}\n\n[[footnotes]]\n\
         [footnotes.text]\nja = \"\"\"\n一\n二\"\"\"\n[[footnotes.places]]\nyear = \"2018\"\n\
         [[footnotes.places]]\ncountry = \"CN\"\ncategory = \"TRAVEL\"\n",
    );
    let rendered = Dataset::parse(&files).map(|dataset| dataset.render());
    let canonical = r#"period = "CALENDAR_YEAR"

[title]
ja = "統計"
en = "Figures"

[[footnotes]]
text.ja = "一\n二"
places = [
    { year = "2018" },
    { category = "TRAVEL", country = "CN" },
]
"#;
    let sheet = rendered.as_ref().ok().and_then(|files| files.get(SHEET)).map(String::from_utf8_lossy);
    assert_eq!(sheet.as_deref(), Some(canonical));
    files.insert(SHEET, canonical);
    assert_eq!(rendered, Ok(files));
}

#[test]
fn a_policy_on_small_counts_is_written_wherever_it_is_stated() {
    let with = |policy: &str| {
        let mut files = small();
        files.insert("site.toml", site("[[locales]]", &format!("[disclosure]\n{policy}\n[[locales]]")));
        files
    };
    let usual = Dataset::parse(&with("threshold = \"10\"\nmethod = \"WARN\"\n"));
    assert_eq!(usual.map(|dataset| dataset.render()), Ok(with("method = \"WARN\"\nthreshold = \"10\"\n")));
    assert_eq!(Dataset::parse(&small()).map(|dataset| dataset.render()), Ok(small()), "and nowhere else");
    let other = with("method = \"SUPPRESS\"\nthreshold = \"10\"\n");
    assert_eq!(Dataset::parse(&other).map(|dataset| dataset.render()), Ok(other));
}

#[test]
fn records_may_stand_in_any_order() {
    let mut files = small();
    files.insert("pages.csv", "slug,parent,position,former_slugs\nnews,home,1,old-news\nhome,,1,\n");
    files.insert("countries.csv", "code,position,name_ja,name_en\nIN,2,インド,India\nCN,1,中国,China\n");
    let rendered = Dataset::parse(&files).map(|dataset| dataset.render());
    assert_eq!(rendered, Ok(small()));
}

#[test]
fn what_stays_withheld_has_faults_of_its_own() {
    let header = "category,year,country,confidentiality,at_least\n";
    let of = |rows: &str| faults(&[("figures/withheld.csv", &format!("{header}{rows}"))]);
    assert_eq!(of("TRAVEL,2018,,FREE,\nTRAVEL,2018,CN,WITHHELD,3\nTRAVEL,2017,,WITHHELD,\n"), [] as [&str; 0]);
    assert_eq!(
        of("TRAVEL,2018,CN,FREE,3\nTRAVEL,2018,CN,WITHHELD,\nTRAVEL,2018,,MAYBE,4\nOTHER,1,FR,WITHHELD,-1\n"),
        [
            "figures/withheld.csv:2:4: confidentiality: must be one of WITHHELD, got \"FREE\"",
            "figures/withheld.csv:3:1: category,year,country: must not stand twice, got \"TRAVEL,2018,CN\"",
            "figures/withheld.csv:3:5: at_least: is required",
            "figures/withheld.csv:4:4: confidentiality: must be one of FREE, WITHHELD, got \"MAYBE\"",
            "figures/withheld.csv:4:5: at_least: must be empty in the row of a total, got \"4\"",
            "figures/withheld.csv:5:1: category: names something that does not exist, got \"OTHER\"",
            "figures/withheld.csv:5:2: year: must be between 1900 and 2200, got \"1\"",
            "figures/withheld.csv:5:3: country: names something that does not exist, got \"FR\"",
            "figures/withheld.csv:5:5: at_least: must be between 0 and 2147483647, got \"-1\"",
        ]
    );
    assert_eq!(faults(&[("figures/withheld.csv", "")]).len(), 1, "a file has a header");
}
