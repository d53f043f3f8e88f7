//! The disclosure policy, in and out of whole databases: no folder ends it.

use entities::{DisclosureMethod, DisclosurePolicy, Rule, Threshold};
use seed::{Dataset, Files};
use tests::{TestApp, commands, on_both_databases};

use api::{dataset, error::Error};

use crate::{
    blank::{Blank, on_each_database},
    process::{Server, run},
};

fn policy(method: DisclosureMethod, threshold: i64) -> DisclosurePolicy {
    DisclosurePolicy { method, threshold: Threshold::try_from(threshold).expect("a threshold") }
}

/// The example with this policy, or with none.
fn example(disclosure: Option<DisclosurePolicy>) -> Dataset {
    let mut dataset = Dataset::parse(&Files::example()).expect("the example has no fault");
    dataset.site.disclosure = disclosure;
    dataset
}

/// What an export says of the policy.
async fn in_force(app: &TestApp) -> Option<DisclosurePolicy> {
    dataset::export(app.state().database()).await.expect("an export").site.disclosure
}

on_both_databases! {
    async fn a_folder_that_says_nothing_of_a_policy_leaves_the_one_in_force(app: TestApp) {
        assert_eq!(in_force(&app).await, Some(DisclosurePolicy::default()), "it is always exported");
        let strict = policy(DisclosureMethod::Suppress, 10);
        commands::import(app.state(), &example(Some(strict)), "Strict").await.expect("it is stricter");
        assert_eq!(app.state().snapshot().figures.policy, strict);
        let imported = commands::import(app.state(), &example(None), "As the example").await.expect("it fits");
        assert_eq!((imported.added, imported.changed), (0, 0));
        assert_eq!((app.state().snapshot().figures.policy, in_force(&app).await), (strict, Some(strict)));
        assert_eq!(app.reopen().await.state().snapshot().figures.policy, strict);
        // A draft of a weaker one is not in force, and no folder publishes it.
        let mut renamed = example(None);
        renamed.site.name.insert("en".parse().expect("a locale"), "Renamed".parse().expect("a line"));
        commands::import(app.state(), &renamed, "Renamed").await.expect("it fits");
        assert_eq!(app.state().snapshot().figures.policy, strict);
    }

    async fn a_weaker_policy_is_refused_unless_it_is_asked_for(app: TestApp) {
        use DisclosureMethod::{Merge, Off, Round, Suppress, Warn};
        let strict = policy(Merge, 10);
        commands::import(app.state(), &example(Some(strict)), "Strict").await.expect("it is stricter");
        for weaker in [policy(Off, 10), policy(Warn, 500), policy(Merge, 9), policy(Suppress, 5), policy(Round, 10)] {
            let refused = commands::import(app.state(), &example(Some(weaker)), "Weaker").await.expect_err("it is weaker");
            let Error::Invalid(faults) = &refused else { panic!("{refused:?}") };
            let fault = faults.first().expect("a fault");
            assert_eq!(fault.path.join("."), "site.toml.disclosure");
            assert_eq!(fault.rule, Rule::WeakerDisclosure { current: "MERGE 10".to_owned() });
            assert_eq!(app.state().snapshot().figures.policy, strict);
            commands::import_weakening(app.state(), &example(Some(weaker)), "On purpose").await.expect("it is meant");
            assert_eq!(app.state().snapshot().figures.policy, weaker);
            commands::import_weakening(app.state(), &example(Some(strict)), "Back").await.expect("it is meant");
        }
        for stricter in [policy(Merge, 11), policy(Suppress, 11)] {
            commands::import(app.state(), &example(Some(stricter)), "Stricter").await.expect("it is stricter");
            assert_eq!(app.state().snapshot().figures.policy, stricter);
        }
    }
}

on_each_database! {
    async fn the_command_line_weakens_a_policy_only_when_told_so(blank: Blank) {
        let folder = |name: &str, disclosure: Option<DisclosurePolicy>| {
            let folder = blank.path(name);
            example(disclosure).render().write(std::path::Path::new(&folder)).expect("a folder");
            folder
        };
        let (strict, off) = (policy(DisclosureMethod::Suppress, 10), policy(DisclosureMethod::Off, 10));
        let (strict, silent, off) = (folder("strict", Some(strict)), folder("silent", None), folder("off", Some(off)));
        let exported = async |name: &str| {
            let folder = blank.path(name);
            run(blank.almanac(&["export", &folder]), "").await.ok();
            std::fs::read_to_string(format!("{folder}/site.toml")).expect("a site")
        };
        // A first start, and a second with another folder.
        Server::start(blank.serve(&["--dataset", &strict])).await.stop().await;
        Server::start(blank.serve(&["--dataset", &off])).await.stop().await;
        assert!(exported("first").await.contains("method = \"SUPPRESS\""));
        run(blank.almanac(&["import", &silent]), "").await.ok();
        assert!(exported("second").await.contains("method = \"SUPPRESS\""));
        let complaint = run(blank.almanac(&["import", &off]), "").await.complaint();
        assert!(complaint.contains("disclosure") && complaint.contains("--weaken-disclosure"), "{complaint}");
        assert!(exported("third").await.contains("method = \"SUPPRESS\""));
        run(blank.almanac(&["import", &off, "--weaken-disclosure"]), "").await.ok();
        assert!(exported("fourth").await.contains("method = \"OFF\""));
    }
}
