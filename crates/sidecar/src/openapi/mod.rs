//! The OpenAPI document: five paths, operations and parameters under the names that clients of Microsoft's sidecar were
//! generated from. It is kept in `docs/openapi.json`, and a test holds the two together.

mod parameters;

use http::StatusCode;
use utoipa::{
    IntoParams, PartialSchema, ToSchema,
    openapi::{
        ComponentsBuilder, Content, Info, OpenApi, OpenApiBuilder, PathItem, PathsBuilder, Ref, RefOr, Required,
        ResponseBuilder, Schema,
        content::ContentBuilder,
        path::{HttpMethod, Operation, OperationBuilder, Parameter, ParameterBuilder, ParameterIn},
        request_body::RequestBodyBuilder,
        schema::{ObjectBuilder, Type},
        security::{Http, HttpAuthScheme, SecurityRequirement, SecurityScheme},
    },
};

use crate::{
    endpoints::{AuthorizationHeaderResult, DownstreamApiResult, ValidateAuthorizationHeaderResult},
    error::Problem,
};
use parameters::TokenParameters;

/// The document as JSON text.
pub(crate) fn document() -> String {
    let mut text = build().to_pretty_json().unwrap_or_default();
    text.push('\n');
    text
}

fn build() -> OpenApi {
    let paths = PathsBuilder::new()
        .path("/Validate", PathItem::new(HttpMethod::Get, validate()))
        .path("/AuthorizationHeader/{apiName}", PathItem::new(HttpMethod::Get, header(true)))
        .path("/AuthorizationHeaderUnauthenticated/{apiName}", PathItem::new(HttpMethod::Get, header(false)))
        .path("/DownstreamApi/{apiName}", calls(true))
        .path("/DownstreamApiUnauthenticated/{apiName}", calls(false));
    let components = ComponentsBuilder::new()
        .schema(name_of::<AuthorizationHeaderResult<'_>>(), AuthorizationHeaderResult::schema())
        .schema(name_of::<DownstreamApiResult>(), DownstreamApiResult::schema())
        .schema(name_of::<Problem>(), Problem::schema())
        .schema(name_of::<ValidateAuthorizationHeaderResult>(), ValidateAuthorizationHeaderResult::schema())
        .security_scheme(BEARER, SecurityScheme::Http(Http::new(HttpAuthScheme::Bearer)));
    OpenApiBuilder::new()
        .info(Info::new("sidekey sidecar", "1.0.0"))
        .paths(paths)
        .components(Some(components.build()))
        .build()
}

fn validate() -> Operation {
    let operation = OperationBuilder::new()
        .operation_id(Some("ValidateAuthorizationHeader"))
        .summary(Some("Judges the caller's bearer token and shows its claims."))
        .security(SecurityRequirement::new(BEARER, Vec::<String>::new()))
        .response("200", success::<ValidateAuthorizationHeaderResult>("The token is good."));
    with_problems(operation, &[StatusCode::UNAUTHORIZED, StatusCode::FORBIDDEN]).build()
}

fn header(protected: bool) -> Operation {
    let name = if protected { "AuthorizationHeader" } else { "AuthorizationHeaderUnauthenticated" };
    let operation = token_operation(protected)
        .operation_id(Some(name))
        .summary(Some("Gets the value of the `Authorization` header for calls of a configured API."))
        .response("200", success::<AuthorizationHeaderResult<'_>>("The finished header value."));
    with_problems(operation, TOKEN_PROBLEMS).build()
}

/// One operation per verb. The bare operation id belongs to `POST`, the only verb that Microsoft's sidecar has.
fn calls(protected: bool) -> PathItem {
    let name = if protected { "DownstreamApi" } else { "DownstreamApiUnauthenticated" };
    let verbs = [
        (HttpMethod::Post, ""),
        (HttpMethod::Get, "Get"),
        (HttpMethod::Put, "Put"),
        (HttpMethod::Patch, "Patch"),
        (HttpMethod::Delete, "Delete"),
    ];
    let mut item = PathItem::default();
    for (verb, suffix) in verbs {
        item.merge_operations(PathItem::new(verb, call(protected, &format!("{name}{suffix}"))));
    }
    item
}

fn call(protected: bool, operation_id: &str) -> Operation {
    let body = RequestBodyBuilder::new()
        .description(Some("Forwarded byte for byte with its `Content-Type`; without one it is dropped."))
        .content("*/*", Content::default())
        .required(Some(Required::False));
    let operation = token_operation(protected)
        .operation_id(Some(operation_id))
        .summary(Some("Calls a configured API with a token and hands back its reply."))
        .request_body(Some(body.build()))
        .response("200", success::<DownstreamApiResult>("The API's reply, whatever its status."));
    let statuses = [TOKEN_PROBLEMS, CALL_PROBLEMS].concat();
    with_problems(operation, &statuses).build()
}

/// What the token routes share.
fn token_operation(protected: bool) -> OperationBuilder {
    let mut operation = OperationBuilder::new()
        .description(Some(EXTRAS))
        .parameter(api_name())
        .parameters(Some(TokenParameters::into_params(|| Some(ParameterIn::Query))));
    if protected {
        operation = operation.security(SecurityRequirement::new(BEARER, Vec::<String>::new()));
    }
    operation
}

fn api_name() -> Parameter {
    ParameterBuilder::new()
        .name("apiName")
        .parameter_in(ParameterIn::Path)
        .required(Required::True)
        .description(Some("Name of a section below `DownstreamApis`."))
        .schema(Some(Schema::Object(ObjectBuilder::new().schema_type(Type::String).build())))
        .build()
}

fn success<T: ToSchema>(description: &str) -> utoipa::openapi::Response {
    let content = ContentBuilder::new().schema(Some(reference::<T>())).build();
    ResponseBuilder::new().description(description).content("application/json", content).build()
}

fn with_problems(operation: OperationBuilder, statuses: &[StatusCode]) -> OperationBuilder {
    statuses.iter().fold(operation, |operation, status| {
        let content = ContentBuilder::new().schema(Some(reference::<Problem>())).build();
        let response = ResponseBuilder::new()
            .description(status.canonical_reason().unwrap_or_default())
            .content("application/problem+json", content);
        operation.response(status.as_str(), response.build())
    })
}

fn reference<T: ToSchema>() -> RefOr<Schema> {
    RefOr::Ref(Ref::from_schema_name(name_of::<T>()))
}

fn name_of<T: ToSchema>() -> String {
    T::name().into_owned()
}

const BEARER: &str = "Bearer";

const EXTRAS: &str = "Besides the parameters listed, `optionsOverride.ExtraHeaderParameters.<name>` (or \
                      `optionsOverride.CustomHeader.<name>`) and `optionsOverride.ExtraQueryParameters.<name>` add headers \
                      and query parameters to the downstream call. Names of parameters are compared without case. \
                      Overrides and agent parameters take effect where `Sidecar:AllowOverrides` says so for the route.";

const TOKEN_PROBLEMS: &[StatusCode] = &[
    StatusCode::BAD_REQUEST,
    StatusCode::UNAUTHORIZED,
    StatusCode::FORBIDDEN,
    StatusCode::NOT_FOUND,
    StatusCode::TOO_MANY_REQUESTS,
    StatusCode::INTERNAL_SERVER_ERROR,
    StatusCode::SERVICE_UNAVAILABLE,
];

const CALL_PROBLEMS: &[StatusCode] = &[StatusCode::BAD_GATEWAY, StatusCode::GATEWAY_TIMEOUT];

#[cfg(test)]
mod tests {
    use serde_json::Value;

    use super::*;

    fn parameters(document: &Value, path: &str, verb: &str) -> Vec<String> {
        let list = document["paths"][path][verb]["parameters"].as_array().unwrap();
        list.iter().map(|parameter| parameter["name"].as_str().unwrap().to_owned()).collect()
    }

    #[test]
    fn the_kept_document_is_the_one_that_is_served() {
        let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs/openapi.json");
        if std::env::var_os("UPDATE_OPENAPI").is_some() {
            std::fs::create_dir_all(concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs")).unwrap();
            std::fs::write(path, document()).unwrap();
        }
        let kept = std::fs::read_to_string(path).unwrap_or_default();
        assert!(kept == document(), "docs/openapi.json is out of date: run this test with UPDATE_OPENAPI=1");
    }

    #[test]
    fn paths_and_operations_have_the_names_that_clients_know() {
        let document: Value = serde_json::from_str(&document()).unwrap();
        assert_eq!(document["openapi"], "3.1.0");
        let paths: Vec<_> = document["paths"].as_object().unwrap().keys().collect();
        assert_eq!(paths.len(), 5);
        let table = [
            ("/Validate", "get", "ValidateAuthorizationHeader"),
            ("/AuthorizationHeader/{apiName}", "get", "AuthorizationHeader"),
            ("/AuthorizationHeaderUnauthenticated/{apiName}", "get", "AuthorizationHeaderUnauthenticated"),
            ("/DownstreamApi/{apiName}", "post", "DownstreamApi"),
            ("/DownstreamApi/{apiName}", "patch", "DownstreamApiPatch"),
            ("/DownstreamApiUnauthenticated/{apiName}", "post", "DownstreamApiUnauthenticated"),
        ];
        for (path, verb, id) in table {
            assert_eq!(document["paths"][path][verb]["operationId"], id, "{path}");
        }
    }

    #[test]
    fn the_token_routes_list_microsofts_parameters_in_their_order() {
        let document: Value = serde_json::from_str(&document()).unwrap();
        let expected = [
            "apiName",
            "AgentIdentity",
            "AgentUsername",
            "AgentUserId",
            "optionsOverride.Scopes",
            "optionsOverride.RequestAppToken",
            "optionsOverride.BaseUrl",
            "optionsOverride.RelativePath",
            "optionsOverride.HttpMethod",
            "optionsOverride.AcceptHeader",
            "optionsOverride.ContentType",
            "optionsOverride.AcquireTokenOptions.Tenant",
            "optionsOverride.AcquireTokenOptions.ForceRefresh",
            "optionsOverride.AcquireTokenOptions.Claims",
            "optionsOverride.AcquireTokenOptions.CorrelationId",
            "optionsOverride.AcquireTokenOptions.LongRunningWebApiSessionKey",
            "optionsOverride.AcquireTokenOptions.FmiPath",
            "optionsOverride.AcquireTokenOptions.PopPublicKey",
            "optionsOverride.AcquireTokenOptions.ManagedIdentity.UserAssignedClientId",
        ];
        assert_eq!(parameters(&document, "/AuthorizationHeader/{apiName}", "get"), expected);
        assert_eq!(parameters(&document, "/DownstreamApiUnauthenticated/{apiName}", "delete"), expected);
    }
}
