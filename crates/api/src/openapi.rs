//! `GET /api/openapi.json`: the API, described by the handlers themselves.

use std::sync::LazyLock;

use axum::Json;
use utoipa::openapi::{
    Components, InfoBuilder, OpenApi,
    security::{HttpAuthScheme, HttpBuilder, SecurityRequirement, SecurityScheme},
};

use crate::{
    access::{Allowed, Anyone, Routes, guarded},
    contract,
};

pub(crate) fn routes() -> Routes {
    Routes::default().with(guarded!(describe))
}

/// This description
#[utoipa::path(
    get, path = "/api/openapi.json", operation_id = "describeApi", tag = "health", security(()),
    responses((status = 200, body = Object, description = "OpenAPI 3.1"))
)]
async fn describe(_: Allowed<Anyone>) -> Json<&'static OpenApi> {
    // Anybody may ask, and it is made of every route.
    static DESCRIBED: LazyLock<OpenApi> = LazyLock::new(openapi);
    Json(&*DESCRIBED)
}

/// The description of the whole API.
pub fn openapi() -> OpenApi {
    let (_, mut described) = crate::routes().into_router().split_for_parts();
    let info = InfoBuilder::new()
        .title("oCore")
        .version(env!("CARGO_PKG_VERSION"))
        .description(Some(
            "The control plane's API. Lists come in pages, newest first, servers and instances by name. Whatever takes \
             long is an operation: the answer is 202 and names it. Errors are RFC 9457 problem details.",
        ));
    described.info = info.build();
    described.security = Some(vec![SecurityRequirement::new("token", Vec::<String>::new())]);
    let components = described.components.get_or_insert_with(Components::new);
    let token = HttpBuilder::new()
        .scheme(HttpAuthScheme::Bearer)
        .description(Some("`ocore_…`"))
        .build();
    components.add_security_scheme("token", SecurityScheme::Http(token));
    contract::complete(&mut described);
    described
}
