//! `staff`.

use serde_json::json;
use tests::on_both_databases;

on_both_databases! {
    async fn the_staff_comes_in_its_order_with_names_and_roles_in_the_locale_asked_for(app: TestApp) {
        let document = "query($locale: Locale) { staff(locale: $locale) { position name role degree field isFallback } }";
        let english = app.anonymous().run(document, json!({ "locale": "en" })).await;
        let names: Vec<_> = english.data()["staff"].as_array().expect("a list").iter().map(|one| one["name"].clone()).collect();
        let expected = [
            "Tatsunori Shimoi", "Seiichiro Abe", "Hiroshi Igaki", "Miyuki Sone", "Shunsuke Tsukamoto", "Yoko Nakahama",
        ];
        assert_eq!(names, expected);
        assert_eq!(english.at("/data/staff/0/role"), "Head");
        assert_eq!(english.at("/data/staff/5/role"), "Member");
        assert_eq!(english.at("/data/staff/5/position"), 6);

        let japanese = app.anonymous().run(document, json!({ "locale": "ja" })).await;
        assert_eq!(japanese.at("/data/staff/0/role"), "室長");
        assert_eq!(japanese.at("/data/staff/0/isFallback"), false);
    }
}
