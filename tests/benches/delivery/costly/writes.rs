//! The costly requests that sign in, save and import.

use std::sync::Arc;

use serde_json::{Value, json};
use tests::{big_dataset::CATEGORIES, mutation};

use super::{
    files,
    material::Material,
    requests::{Costly, costly, mutates},
};
use crate::{
    process::{EMAIL, PASSWORD},
    reading::post,
};

/// Attempts to sign in, and new passwords.
pub fn sign_ins(material: &Arc<Material>) -> Vec<Costly> {
    let sign_in = |name: &str, part, email: fn(usize) -> String, password: &'static str| {
        costly(name, part, move |number| {
            let input = json!({ "email": email(number), "password": password });
            post(&mutation("signIn", &input), &json!({ "input": input }).to_string(), "")
        })
    };
    vec![
        sign_in(
            "sign-in of an unknown account",
            "errors",
            |number| format!("x{number}@example.org"),
            "a wrong password",
        ),
        sign_in("sign-in with a wrong password", "errors", |_| EMAIL.to_owned(), "a wrong password"),
        sign_in("sign-in with the right password", "accessToken", |_| EMAIL.to_owned(), PASSWORD),
        // Substituted letters take the estimator longest. It is refused in the end: the account stays as it is.
        mutates(material, "a new password that takes long to judge", "passwordChange", |_, number| {
            let hard: String = "4@8({[<369&#!1/|0$5+7%2".chars().cycle().skip(number % 23).take(250).collect();
            json!({ "currentPassword": PASSWORD, "newPassword": format!("{hard}x") })
        }),
        costly("a new password by a link that there is not", "passwordSet", |number| {
            let input = json!({ "token": format!("{number:064x}"), "password": "4@8({[<369&#!1/|0$5+7%2".repeat(11) });
            post(&mutation("passwordSet", &input), &json!({ "input": input }).to_string(), "")
        }),
    ]
}

/// Large documents and many figures, saved and compared with what was there.
pub fn saves(material: &Arc<Material>) -> Vec<Costly> {
    let text = |line: &'static str| {
        move |material: &Material, number: usize| {
            let page = material.drafts.get(number % material.drafts.len().max(1));
            let body: String = format!("{number} {line}").chars().cycle().take(199_000).collect();
            json!({ "pageId": page, "locale": "en", "expectedVersion": 0, "title": "Long", "body": body })
        }
    };
    let sheets = |count: usize, dry: bool| {
        move |material: &Material, number: usize| {
            let sheets: Vec<Value> = (0..count)
                .map(|sheet| {
                    let counts = files::countries(material).map(|code| json!({ "country": code, "value": (number + sheet) % 999 + 1 }));
                    json!({ "category": CATEGORIES[sheet % 2], "year": 1993 + sheet / 2, "expectedVersion": 1, "counts": counts.collect::<Vec<_>>() })
                })
                .collect();
            json!({ "sheets": sheets, "dryRun": dry })
        }
    };
    let plain = "A long text is made of **many** such words, [links](https://www.example.org) and `code`.\n\n";
    let nasty = "[a](<b> *c **d _e ~~f~~ ![g](h \"i\n- > 1. # j | k\n";
    vec![
        mutates(material, "a page of 199,000 characters", "pageTextSave", text(plain)),
        mutates(material, "a page of 199,000 signs of Markdown", "pageTextSave", text(nasty)),
        mutates(material, "60 year sheets of 249 figures, tried", "visitCountsBulkUpdate", sheets(60, true)),
        mutates(material, "20 year sheets of 249 figures, saved", "visitCountsBulkUpdate", sheets(20, false)),
    ]
}

/// Files of figures, read to see what they would change, and written.
pub fn imports(material: &Arc<Material>) -> Vec<Costly> {
    let all = 1993..=2022;
    // No import is answered from memory, so that one file serves for all.
    let read = |name: &str, file: Vec<u8>| {
        let input = json!({ "category": CATEGORIES[0], "content": files::base64(&file) });
        let variables = json!({ "input": input }).to_string();
        let request = post(&mutation("figuresImport", &input), &variables, &material.token);
        Costly { signed_in: true, ..costly(name, "figuresImport", move |_| request.clone()) }
    };
    let written = |name: &str, publish: bool| {
        let category = CATEGORIES[usize::from(publish)];
        mutates(material, name, "figuresImport", move |material, number| {
            // The first of a year is written, what follows is a conflict.
            let year = 2023 + number % 10;
            json!({
                "category": category, "content": files::base64(&files::csv(material, year..=year, number)),
                "dryRun": false, "expectedVersions": [{ "category": category, "year": year, "version": 0 }],
                "publish": publish,
            })
        })
    };
    vec![
        read("a CSV file of all figures, tried", files::csv(material, all.clone(), 1)),
        read("a CSV file as long as can be, tried", files::longest_csv(material)),
        read("a CSV file of 20,000 unknown countries, tried", files::unknown_csv()),
        read("a workbook of all figures, tried", files::workbook(&files::grid(material, all))),
        read("a workbook of 3,000 rows and 50 columns, tried", files::workbook(&files::numbers(3_000, 50))),
        read("a workbook as large as can be, tried", files::workbook(&files::numbers(5_000, 98))),
        read("a JSON-stat file of all figures, tried", files::json_stat(material)),
        written("a CSV file, written", false),
        written("a CSV file, published", true),
    ]
}
