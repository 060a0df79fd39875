use super::*;
use crate::{Faults, marks::Recorder};

/// Reads with `read` and gives what it returned together with everything recorded.
fn recorded<T>(pairs: &[(&str, &str)], read: impl FnOnce(&Section<'_>) -> T) -> (T, Vec<Fault>, Vec<Warning>) {
    let configuration = Configuration::from_pairs(pairs.iter().copied());
    let recorder = Recorder::default();
    let result = read(&Section::root(&configuration, &recorder));
    let (_, faults, warnings) = recorder.into_parts();
    (result, faults, warnings)
}

fn only_fault<T>(pairs: &[(&str, &str)], read: impl FnOnce(&Section<'_>) -> T) -> Fault {
    let (_, mut faults, _) = recorded(pairs, read);
    assert_eq!(faults.len(), 1, "{faults:?}");
    faults.remove(0)
}

fn warnings(pairs: &[(&str, &str)], read: impl FnOnce(&Section<'_>)) -> Vec<String> {
    let found = Configuration::from_pairs(pairs.iter().copied()).bind(read).unwrap().1;
    found.into_iter().map(|warning| format!("{}: {}", warning.key, warning.message)).collect()
}

const DAY: Duration = Duration::from_hours(24);

#[test]
fn blank_texts_count_as_absent_and_others_stay_as_they_are() {
    let pairs = [("A:Blank", " \t"), ("A:Text", " x ")];
    let ((blank, text, setting), ..) = recorded(&pairs, |root| {
        let section = root.section("a");
        (section.text("blank").is_some(), section.text("TEXT").map(str::to_owned), section.setting("blank").is_some())
    });
    assert_eq!((blank, text.as_deref(), setting), (false, Some(" x "), true));
}

#[test]
fn typed_values_are_read_by_the_binders_rules() {
    let pairs = [
        ("B", " TRUE "),
        ("I", "0x1F"),
        ("D", "00:00:30"),
        ("E", "two"),
        ("G", "(00112233-4455-6677-8899-aabbccddeeff)"),
    ];
    let ((), faults, warnings) = recorded(&pairs, |root| {
        assert!(root.bool("b", false));
        assert_eq!(root.integer("i", 0, 0..=31), 31);
        assert_eq!(root.duration("d", DAY, Duration::ZERO..=DAY), Duration::from_secs(30));
        assert_eq!(root.one_of("e", 1, &[("One", 1), ("Two", 2)]), 2);
        assert!(root.guid("g").is_some());
        assert_eq!(root.parse::<u8>("i2", ""), None);
    });
    assert_eq!((faults, warnings), (vec![], vec![]));
}

#[test]
fn absent_values_take_their_defaults() {
    let ((), faults, _) = recorded(&[], |root| {
        assert!(root.bool("b", true));
        assert_eq!(root.integer("i", 7, 0..=9), 7);
        assert_eq!(root.duration("d", DAY, DAY..=DAY), DAY);
        assert_eq!(root.one_of("e", 1, &[("Two", 2)]), 1);
        assert!(root.list("l").is_empty() && root.map("m").is_empty() && root.children().is_empty());
        assert!(!root.section("s").exists());
    });
    assert_eq!(faults, []);
}

#[test]
fn empty_text_is_a_fault_for_typed_values() {
    let ((), faults, _) = recorded(&[("B", ""), ("I", " "), ("D", ""), ("E", "")], |root| {
        root.bool("B", true);
        root.integer("I", 1, 0..=9);
        root.duration("D", DAY, Duration::ZERO..=DAY);
        root.one_of("E", 1, &[("One", 1)]);
    });
    assert_eq!(faults.iter().map(|fault| fault.key.as_str()).collect::<Vec<_>>(), ["B", "I", "D", "E"]);
    assert!(faults.iter().all(|fault| fault.problem.starts_with("the value is empty")), "{faults:?}");
}

#[test]
fn a_fault_names_key_source_value_and_remedy() {
    let fault = only_fault(&[("A:On", "yes")], |root| root.section("A").bool("On", false));
    let text = "`A:On` (built-in setting): `yes` is not a bool\n  hint: write `true` or `false`";
    assert_eq!(Faults(vec![fault]).to_string(), text);
}

#[test]
fn bounds_are_named_in_the_hint() {
    let fault = only_fault(&[("P", "70000")], |root| root.integer("P", 5000, 0..=65_535));
    assert_eq!(fault.hint, "write a number from `0` to `65535`, such as `5000`");
    let fault = only_fault(&[("T", "2.00:00:00")], |root| root.duration("T", DAY, Duration::ZERO..=DAY));
    assert_eq!(fault.hint, "write `hh:mm:ss`, from `00:00:00` to `1.00:00:00`, such as `1.00:00:00`");
}

#[test]
fn days_by_mistake_are_warned_about_or_explained() {
    let read = |root: &Section<'_>| root.duration("T", DAY, Duration::ZERO..=Duration::MAX);
    let (length, _, warnings) = recorded(&[("T", "30")], read);
    assert_eq!(length, DAY * 30);
    assert_eq!(warnings[0].message, "`30` means 30 days; for 30 seconds write `00:00:30`");
    let fault = only_fault(&[("T", "30")], |root| root.duration("T", DAY, Duration::ZERO..=DAY));
    assert!(fault.hint.ends_with("the text means 30 days; for 30 seconds write `00:00:30`"), "{}", fault.hint);
    let (_, _, warnings) = recorded(&[("T", "24:00:00")], read);
    assert_eq!(warnings[0].message, "`24:00:00` means 24 days; for 24 hours write `1.00:00:00`");
}

#[test]
fn secrets_stay_out_of_faults() {
    let ((), faults, _) = recorded(&[("S", "hunter2"), ("C:x", "hunter2"), ("Api", "hunter2")], |root| {
        root.secret("S");
        root.parse::<u8>("S", "a number");
        root.bool("S", false);
        root.secret("C");
        root.section("Api").children();
    });
    assert_eq!(faults.len(), 4);
    assert!(!format!("{faults:?}").contains("hunter2"), "{faults:?}");
}

#[test]
fn a_parsers_own_message_is_kept() {
    let fault = only_fault(&[("N", " 300 ")], |root| root.parse::<u8>("N", "write a byte"));
    assert_eq!(fault.problem, "`300`: number too large to fit in target type");
    assert_eq!(recorded(&[("N", " 30 ")], |root| root.parse::<u8>("N", "")).0, Some(30));
}

#[test]
fn lists_are_indexed_children_or_a_text_split_at_blanks() {
    let pairs = [("L:10", "c"), ("L:2", "b"), ("L:0", "a"), ("L:3", " "), ("T", " x  y "), ("E", "")];
    let (lists, faults, _) = recorded(&pairs, |root| ["L", "T", "E"].map(|name| root.list(name).join("|")));
    assert_eq!(lists, ["a|b|c", "x|y", ""]);
    assert_eq!(faults, []);
}

#[test]
fn maps_keep_the_names_as_spelled() {
    let (map, ..) = recorded(&[("M:OData-Version", "4"), ("M:a", "")], |root| {
        root.map("m").into_iter().map(|(name, value)| format!("{name}={value}")).collect::<Vec<_>>()
    });
    assert_eq!(map, ["a=", "OData-Version=4"]);
}

#[test]
fn values_of_the_wrong_shape_are_faults() {
    let fault = only_fault(&[("A:ClientId:0", "x")], |root| root.section("A").text("ClientId").is_some());
    assert_eq!((fault.key.as_str(), fault.hint.as_str()), ("A:ClientId:0", "write the value at `A:ClientId` itself"));
    let fault = only_fault(&[("Apis", "x")], |root| root.section("Apis").children().len());
    assert_eq!((fault.key.as_str(), fault.problem.as_str()), ("Apis", "entries are needed here, not a text"));
    assert_eq!(only_fault(&[("M", "x")], |root| root.map("M").len()).key, "M");
}

#[test]
fn an_unknown_key_is_warned_about_with_the_nearest_known_name() {
    let pairs = [("AzureAd:ClientID2", "x"), ("AzureAd:Zebra", "x"), ("Other:Key", "x"), ("azuread:TENANTID", "x")];
    let found = warnings(&pairs, |root| {
        let section = root.section("AzureAd");
        section.own();
        section.text("ClientId");
        section.text("TenantId");
    });
    let expected = [
        "AzureAd:ClientID2: unknown key (built-in setting); did you mean `ClientId`?",
        "AzureAd:Zebra: unknown key (built-in setting); it has no effect",
    ];
    assert_eq!(found, expected);
}

#[test]
fn of_an_unknown_subtree_only_the_top_is_reported() {
    let pairs = [("S:Limitz:A", "1"), ("S:Limitz:B:C", "2"), ("S:Limits:MaxBody", "3")];
    let found = warnings(&pairs, |root| {
        let section = root.section("S");
        section.own();
        section.integer("Limits:MaxBodyBytes", 0, 0..=9);
    });
    let expected = [
        "S:Limits:MaxBody: unknown key (built-in setting); did you mean `MaxBodyBytes`?",
        "S:Limitz: unknown key (built-in setting); did you mean `Limits`?",
    ];
    assert_eq!(found, expected);
}

#[test]
fn names_known_by_wildcard_or_reserved_are_not_reported() {
    let pairs =
        [("S:Map:a", "1"), ("S:List:0", "1"), ("S:Apis:Graph:Url", "1"), ("S:Old:deep:er", "1"), ("S:Text", "1")];
    let found = warnings(&pairs, |root| {
        let section = root.section("S");
        section.own();
        section.reserve(&["Old", "Text"]);
        section.map("Map");
        section.list("List");
        let apis = section.section("Apis");
        for name in apis.children() {
            apis.section(name).text("Url");
        }
    });
    assert_eq!(found, [""; 0]);
}

#[test]
fn a_missing_key_points_at_its_misspelling() {
    let configuration = Configuration::from_pairs([("AzureAd:ClientIdd", "x")]);
    let faults = configuration.bind(|root| {
        let section = root.section("AzureAd");
        section.own();
        if section.text("ClientId").is_none() {
            section.fault("ClientId", "no client id is set", "write the application's id");
        }
    });
    let hint = "write the application's id; `AzureAd:ClientIdd` (built-in setting) is unknown and may have been meant as this one";
    assert_eq!(faults.unwrap_err().0[0].hint, hint);
}

#[test]
fn the_same_fault_is_told_once() {
    only_fault(&[("B", "x")], |root| (root.bool("B", true), root.bool("B", true)));
}
