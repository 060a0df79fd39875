//! Who may pass with a good token.

use serde_json::json;

use super::Setting;
use crate::VerifiedToken;

/// `Scopes` and `Roles` as configured, a token, and the verdict.
type Case<'a> = (&'a [&'a str], &'a [&'a str], &'a VerifiedToken, Result<(), &'a str>);

#[tokio::test]
async fn scopes_are_for_users_and_roles_for_apps() {
    let setting = Setting::new().await;
    let user = setting.validate(&setting.token()).await.unwrap();
    let app = json!({"scp": null, "roles": ["Orders.Process"], "idtyp": "app"});
    let app = setting.validate(&setting.key.sign(&setting.claims(&app))).await.unwrap();
    let both = json!({"scp": "access_as_user", "roles": ["Orders.Process"], "idtyp": "app"});
    let both = setting.validate(&setting.key.sign(&setting.claims(&both))).await.unwrap();
    let no_scope = "IDW10203: The 'scope' or 'scp' claim does not contain scopes 'x,y' or was not found. ";
    let no_scope_of_three = "IDW10203: The 'scope' or 'scp' claim does not contain scopes 'a,b,c' or was not found. ";
    let no_role = "The application's token has none of the roles 'r'.";
    let cases: [Case<'_>; 12] = [
        (&[], &[], &user, Ok(())),
        (&[], &[], &app, Ok(())),
        (&[], &["r"], &app, Ok(())),
        (&["access_as_user"], &[], &user, Ok(())),
        (&["x", "other"], &[], &user, Ok(())),
        (&["x other"], &[], &user, Ok(())),
        (&["x", "y"], &[], &user, Err(no_scope)),
        (&["a b", "c"], &["Orders.Process"], &user, Err(no_scope_of_three)),
        (&["x", "y"], &[], &app, Err(no_scope)),
        (&["x", "y"], &["r", "Orders.Process"], &app, Ok(())),
        (&["x", "y"], &["r"], &app, Err(no_role)),
        (&["access_as_user"], &["r"], &both, Err(no_role)),
    ];
    for (scopes, roles, token, expected) in cases {
        let owned = |texts: &[&str]| texts.iter().map(|text| (*text).to_owned()).collect();
        let validator = setting.other_rules(|config| {
            config.validation.scopes = owned(scopes);
            config.validation.roles = owned(roles);
        });
        assert_eq!(validator.authorize(token), expected.map_err(str::to_owned), "{scopes:?} {roles:?}");
    }
}
