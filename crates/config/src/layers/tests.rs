use proptest::prelude::*;

use super::*;

struct World {
    folder: tempfile::TempDir,
    sources: Sources,
}

fn world(files: &[(&str, &str)], environment: &[(&str, &str)], arguments: &[&str]) -> World {
    let folder = tempfile::tempdir().unwrap();
    for (name, text) in files {
        let path = folder.path().join(name);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, text).unwrap();
    }
    let environment = environment.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
    let arguments = arguments.iter().map(|argument| (*argument).to_owned()).collect();
    let working_directory = folder.path().to_owned();
    World { folder, sources: Sources { environment, arguments, working_directory } }
}

impl World {
    fn load(&self) -> Configuration {
        Configuration::load(&self.sources).unwrap()
    }

    fn faults(&self) -> Vec<Fault> {
        Configuration::load(&self.sources).unwrap_err().0
    }
}

#[test]
fn each_layer_wins_over_those_below_it() {
    let files =
        [("appsettings.json", r#"{"K":"file"}"#), ("appsettings.Production.json", r#"{"K":"environment file"}"#)];
    let variables = [("ASPNETCORE_K", "aspnetcore"), ("DOTNET_K", "dotnet"), ("K", "variable")];
    let order = ["aspnetcore", "dotnet", "file", "environment file", "variable", "argument"];
    for (top, expected) in order.into_iter().enumerate() {
        let files: Vec<_> = files.iter().zip(2..).filter(|(_, at)| *at <= top).map(|(file, _)| *file).collect();
        let variables: Vec<_> =
            variables.iter().zip([0, 1, 4]).filter(|(_, at)| *at <= top).map(|(variable, _)| *variable).collect();
        let arguments: &[&str] = if top == 5 { &["--k=argument"] } else { &[] };
        assert_eq!(world(&files, &variables, arguments).load().root().text("k"), Some(expected));
    }
}

#[test]
fn the_environments_name_comes_from_the_prefixed_variables_and_the_command_line_only() {
    let named = |environment: &[(&str, &str)], arguments: &[&str]| {
        let text = r#"{"Environment":"FromFile"}"#;
        world(&[("appsettings.json", text)], environment, arguments).load().environment().to_owned()
    };
    assert_eq!(named(&[("ENVIRONMENT", "Plain")], &[]), "Production");
    assert_eq!(named(&[("ASPNETCORE_ENVIRONMENT", "Development")], &[]), "Development");
    assert_eq!(named(&[("DOTNET_ENVIRONMENT", "Staging"), ("ASPNETCORE_ENVIRONMENT", "Development")], &[]), "Staging");
    assert_eq!(named(&[("DOTNET_ENVIRONMENT", "Staging")], &["--environment", "Test"]), "Test");
    assert_eq!(named(&[("ASPNETCORE_ENVIRONMENT", "")], &[]), "Production");
}

#[test]
fn an_environment_name_with_a_path_in_it_is_refused() {
    let faults = world(&[], &[("ASPNETCORE_ENVIRONMENT", "../etc")], &[]).faults();
    assert_eq!(faults[0].key, "ENVIRONMENT");
    assert_eq!(faults[0].source.as_deref(), Some("environment variable `ASPNETCORE_ENVIRONMENT`"));
}

#[test]
fn the_content_root_says_where_the_files_are() {
    let files = [("sub/appsettings.json", r#"{"A":"sub"}"#), ("appsettings.json", r#"{"A":"here"}"#)];
    assert_eq!(world(&files, &[], &[]).load().root().text("A"), Some("here"));
    let there = world(&files, &[("ASPNETCORE_CONTENTROOT", "sub")], &[]);
    assert_eq!(there.load().root().text("A"), Some("sub"));
    assert_eq!(there.load().files()[0], there.folder.path().join("sub/appsettings.json"));
    assert_eq!(there.load().content_root(), there.folder.path().join("sub"));
    assert_eq!(world(&files, &[], &["--contentRoot=none"]).faults()[0].key, "CONTENTROOT");
}

#[test]
fn arrays_are_merged_by_index_and_field() {
    let text = r#"{"L":[{"Type":"a","Path":"p"},{"Type":"b"}], "S":["x","y","z"]}"#;
    let found = world(&[("appsettings.json", text)], &[("L__0__Type", "c"), ("S__1", "w")], &["--S:10=end"]).load();
    let first = found.root().section("L").section("0");
    assert_eq!((first.text("type"), first.text("path")), (Some("c"), Some("p")));
    assert_eq!(found.root().section("L").children(), ["0", "1"]);
    assert_eq!(found.root().list("S"), ["x", "w", "z", "end"]);
}

#[test]
fn a_null_hides_what_lower_layers_say() {
    let files = [("appsettings.json", r#"{"A":{"B":"x"}}"#), ("appsettings.Production.json", r#"{"A":{"B":null}}"#)];
    let found = world(&files, &[], &[]).load();
    assert_eq!(found.root().text("A:B"), None);
    assert!(found.root().setting("A:B").is_none());
}

#[test]
fn values_know_who_set_them() {
    let world = world(&[("appsettings.json", "{\n\"A\": 1}")], &[("AzureAd__ClientId", "x")], &["--C:D", "y"]);
    let (found, root) = (world.load(), world.folder.path().display().to_string());
    let source = |key: &str| found.root().setting(key).unwrap().source.to_owned();
    assert_eq!(source("a"), format!("{root}/appsettings.json:2"));
    assert_eq!(source("AzureAd:ClientId"), "environment variable `AzureAd__ClientId`");
    assert_eq!(source("C:D"), "command line argument `--C:D`");
    assert_eq!(found.root().setting("azuread:clientid").unwrap().key, "AzureAd:ClientId");
}

#[test]
fn faults_of_all_files_are_reported_at_once_with_their_places() {
    let files = [("appsettings.json", "{\n\"A\" 1}"), ("appsettings.Production.json", "{\"B\":1,\n\"b\":2}")];
    let world = world(&files, &[], &[]);
    let faults = world.faults();
    assert_eq!(faults[0].source.as_deref(), Some("line 2, column 5"));
    assert_eq!(faults[1].source.as_deref(), Some("line 2"));
    assert!(faults[1].key.ends_with("appsettings.Production.json"));
    let text = Faults(faults).to_string();
    assert!(text.contains("(line 2, column 5): expected `:`\n  hint: "), "{text}");
}

#[test]
fn a_folder_in_the_place_of_a_file_is_a_fault() {
    let world = world(&[("appsettings.json/x", "")], &[], &[]);
    assert!(world.faults()[0].problem.starts_with("is a folder"), "{:?}", world.faults());
}

#[test]
fn a_huge_file_is_refused() {
    let text = " ".repeat(usize::try_from(MAX_FILE_BYTES).unwrap() + 1);
    assert!(world(&[("appsettings.json", &text)], &[], &[]).faults()[0].problem.starts_with("is larger than"));
}

#[test]
fn ignored_arguments_and_colliding_variables_are_warned_about() {
    let world =
        world(&[], &[("A__B", "1"), ("a__b", "2"), ("X", "1"), ("x", "2"), ("Z", "1"), ("z", "1")], &["secret"]);
    let (value, warnings) =
        world.load().bind(|root| (root.integer("A:B", 0, 0..=9), root.integer("Z", 0, 0..=9))).unwrap();
    assert_eq!(value, (2, 1));
    let keys: Vec<_> = warnings.iter().map(|warning| warning.key.as_str()).collect();
    assert_eq!(keys, ["argument 1", "a:b"]);
    assert!(!format!("{warnings:?}").contains("secret"));
}

#[test]
fn a_variable_with_a_single_underscore_is_pointed_out() {
    let variables = [("AzureAd_ClientId", "x"), ("AZUREAD_PORT", "1"), ("Other_ClientId", "x"), ("_", "x")];
    let bound = world(&[], &variables, &[]).load().bind(|root| {
        let section = root.section("AzureAd");
        section.own();
        section.text("ClientId").is_some()
    });
    let (found, warnings) = bound.unwrap();
    assert!(!found);
    assert_eq!(warnings.len(), 1);
    assert_eq!(warnings[0].message, "ignored; did you mean the variable `AzureAd__ClientId`?");
}

#[test]
fn entries_show_what_is_known_and_redact_the_rest() {
    let text = r#"{"AzureAd":{"ClientId":"id","ClientSecret":"s1","ClientSecrett":"s2"},"Other":"s3"}"#;
    let variables = [("HOME", "/root"), ("AzureAd__TenantId", "t"), ("AzureAd__Typo", "s4")];
    let found = world(&[("appsettings.json", text)], &variables, &["--Cli=s5"]).load();
    let read = |root: &Section<'_>| {
        let section = root.section("AzureAd");
        section.own();
        (
            section.text("ClientId").is_some(),
            section.text("TenantId").is_some(),
            section.secret("ClientSecret").is_some(),
        )
    };
    assert_eq!(found.bind(read).unwrap().0, (true, true, true));
    let shown: Vec<_> = found.entries().iter().map(|entry| format!("{}={}", entry.key, entry.value)).collect();
    let expected = [
        "AzureAd:ClientId=id",
        "AzureAd:ClientSecret=[redacted]",
        "AzureAd:ClientSecrett=[redacted]",
        "AzureAd:TenantId=t",
        "AzureAd:Typo=[redacted]",
        "Cli=[redacted]",
        "Other=[redacted]",
    ];
    assert_eq!(shown, expected);
}

#[test]
fn the_process_is_read_as_it_is() {
    let sources = Sources::of_process(vec!["--a=b".to_owned()]).unwrap();
    assert_eq!(sources.working_directory, std::env::current_dir().unwrap());
    assert!(sources.environment.iter().any(|(name, _)| name == "PATH"));
}

proptest! {
    #[test]
    fn any_environment_and_command_line_load_without_a_panic(
        environment in proptest::collection::vec(("(ASPNETCORE_|DOTNET_)?[A-Ca-c_:0é]{0,8}", "\\PC{0,5}"), 0..12),
        arguments in proptest::collection::vec("(--|-|/)?[A-Ca-c_:0=é ]{0,8}", 0..12),
    ) {
        let working_directory = PathBuf::from("/nonexistent");
        let found = Configuration::load(&Sources { environment, arguments, working_directory }).unwrap();
        let _ = found.bind(|root| { root.own(); (root.children(), root.list("A"), root.map("B"), root.bool("a:b", true)).0.len() });
        let _ = found.entries();
    }

    #[test]
    fn layered_look_ups_equal_a_plain_map_in_which_the_last_value_wins(
        variables in proptest::collection::vec(("[abAB]{1,2}(__[abAB01]){0,2}", "[a-z]{1,3}"), 0..20),
        arguments in proptest::collection::vec(("[abAB]{1,2}(:[abAB01]){0,2}", "[a-z]{1,3}"), 0..20),
    ) {
        let mut model = std::collections::HashMap::new();
        let keys = variables.iter().map(|(name, value)| (name.replace("__", ":"), value));
        for (key, value) in keys.chain(arguments.iter().map(|(key, value)| (key.clone(), value))) {
            model.insert(key.to_lowercase(), value.clone());
        }
        let arguments = arguments.iter().map(|(key, value)| format!("--{key}={value}")).collect();
        let sources = Sources { environment: variables, arguments, working_directory: PathBuf::from("/nonexistent") };
        let found = Configuration::load(&sources).unwrap();
        for (key, value) in model {
            prop_assert_eq!(found.root().setting(&key).map(|setting| setting.value), Some(value.as_str()));
        }
    }
}
