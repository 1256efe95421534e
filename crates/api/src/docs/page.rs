//! The page.

use std::collections::BTreeMap;

use maud::{DOCTYPE, Markup, html};
use serde_json::Value;

use super::schema::{bounds, fields, kind};
use crate::problems::ProblemCode;

/// A route as the description has it.
struct Route<'a> {
    method: &'a str,
    path: &'a str,
    says: &'a Value,
}

/// The page of a description.
pub(super) fn page(described: &Value, problems: &[ProblemCode]) -> Markup {
    let groups = groups(described);
    let schemas = &described["components"]["schemas"];
    let title = text(&described["info"]["title"]);
    html! {
        (DOCTYPE)
        html lang="en" {
            head {
                meta charset="utf-8";
                meta name="viewport" content="width=device-width, initial-scale=1";
                title { (title) " API" }
                link rel="stylesheet" href="/api/docs/style.css";
            }
            body {
                header {
                    h1 { (title) " API " small { (text(&described["info"]["version"])) } }
                    p { (prose(text(&described["info"]["description"]))) }
                    p { "For programs: " a href="/api/openapi.json" { "/api/openapi.json" } " (OpenAPI 3.1)." }
                }
                nav aria-label="Contents" {
                    @for tag in groups.keys() { a href={ "#" (tag) } { (tag) } }
                    a href="#types" { "types" }
                    a href="#problems" { "problems" }
                }
                main {
                    @for (tag, routes) in &groups {
                        section id=(tag) {
                            h2 { (tag) }
                            @for route in routes { (operation(route)) }
                        }
                    }
                    section id="types" {
                        h2 { "types" }
                        @for (name, schema) in schemas.as_object().into_iter().flatten() {
                            (component(name, schema, schemas))
                        }
                    }
                    (problem_table(problems))
                }
            }
        }
    }
}

/// The routes by their tag, each group from the collection to the single thing.
fn groups(described: &Value) -> BTreeMap<&str, Vec<Route<'_>>> {
    let mut groups: BTreeMap<&str, Vec<Route<'_>>> = BTreeMap::new();
    for (path, item) in described["paths"].as_object().into_iter().flatten() {
        for (method, says) in item.as_object().into_iter().flatten() {
            let route = Route { method, path, says };
            groups.entry(text(&says["tags"][0])).or_default().push(route);
        }
    }
    groups
}

fn operation(route: &Route<'_>) -> Markup {
    let says = route.says;
    let body = &says["requestBody"]["content"];
    html! {
        details {
            summary {
                b class={ "method " (route.method) } { (route.method.to_uppercase()) }
                " " code { (route.path) } " " span { (text(&says["summary"])) }
            }
            // A link that leads into it opens it.
            div id=(text(&says["operationId"])) {
                @if let Some(description) = says["description"].as_str() { p { (prose(description)) } }
                @if says["security"].is_array() { p { "Needs no token." } }
                @if let Some(parameters) = says["parameters"].as_array() {
                    h4 { "Parameters" }
                    table {
                        tr { th { "name" } th { "in" } th { "type" } th { "meaning" } }
                        @for parameter in parameters { (row_of_parameter(parameter)) }
                    }
                }
                @for (media, content) in body.as_object().into_iter().flatten() {
                    h4 { "Body" }
                    p { (kind(&content["schema"])) " as " code { (media) } }
                }
                h4 { "Answers" }
                table {
                    tr { th { "status" } th { "meaning" } th { "content" } }
                    @for (status, answer) in says["responses"].as_object().into_iter().flatten() {
                        tr {
                            td { code { (status) } }
                            td { (prose(text(&answer["description"]))) }
                            td {
                                @for (media, content) in answer["content"].as_object().into_iter().flatten() {
                                    (kind(&content["schema"])) " as " code { (media) }
                                }
                            }
                        }
                    }
                }
            }
        }
    }
}

fn row_of_parameter(parameter: &Value) -> Markup {
    html! {
        tr {
            td { code { (text(&parameter["name"])) } (needed(parameter["required"] == true)) }
            td { (text(&parameter["in"])) }
            td { (kind(&parameter["schema"])) (within(&parameter["schema"])) }
            td { (prose(text(&parameter["description"]))) }
        }
    }
}

fn component(name: &str, schema: &Value, all: &Value) -> Markup {
    let fields = fields(schema, all);
    html! {
        details {
            summary { code { (name) } " " span { (prose(text(&schema["description"]))) } }
            div id={ "schema-" (name) } {
                @if fields.is_empty() {
                    p { (kind(schema)) (within(schema)) }
                } @else {
                    table {
                        tr { th { "field" } th { "type" } th { "meaning" } }
                        @for field in &fields {
                            tr {
                                td { code { (field.name) } (needed(field.is_required)) }
                                td { (kind(field.schema)) (within(field.schema)) }
                                td {
                                    (prose(text(&field.schema["description"])))
                                    @if field.schema["writeOnly"] == true { " Never answered." }
                                }
                            }
                        }
                    }
                }
            }
        }
    }
}

fn problem_table(problems: &[ProblemCode]) -> Markup {
    html! {
        section id="problems" {
            h2 { "problems" }
            p { "Every error is an " code { "application/problem+json" } " (RFC 9457) with one of these codes." }
            table {
                tr { th { "code" } th { "status" } th { "meaning" } th { "what to do" } }
                @for problem in problems {
                    tr id={ "problem-" (problem.code) } {
                        td { code { (problem.code) } }
                        td { (problem.status) }
                        td { (prose(&problem.meaning)) }
                        td { (prose(&problem.mend)) }
                    }
                }
            }
        }
    }
}

fn needed(is_required: bool) -> Markup {
    html! { @if is_required { " " em { "required" } } }
}

fn within(schema: &Value) -> Markup {
    html! { @if let Some(bounds) = bounds(schema) { ", " (bounds) } }
}

fn text(value: &Value) -> &str {
    value.as_str().unwrap_or_default()
}

/// A text in which code stands between backticks.
fn prose(text: &str) -> Markup {
    html! {
        @for (n, part) in text.split('`').enumerate() {
            @if n % 2 == 1 { code { (part) } } @else { (part) }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;

    fn real() -> (Value, String) {
        let described = serde_json::to_value(crate::openapi()).unwrap();
        let page = page(&described, &crate::problems::all()).into_string();
        (described, page)
    }

    /// The values of an attribute.
    fn all<'a>(page: &'a str, attribute: &str) -> Vec<&'a str> {
        let begin = format!(" {attribute}=\"");
        page.split(&begin)
            .skip(1)
            .filter_map(|rest| rest.split('"').next())
            .collect()
    }

    #[test]
    fn everything_described_is_on_the_page_and_every_link_leads_somewhere() {
        let (described, page) = real();
        let ids = all(&page, "id");
        let known: HashSet<&str> = ids.iter().copied().collect();
        assert_eq!(ids.len(), known.len(), "an id stands twice");
        for item in described["paths"].as_object().unwrap().values() {
            for operation in item.as_object().unwrap().values() {
                assert!(known.contains(operation["operationId"].as_str().unwrap()));
            }
        }
        for link in all(&page, "href") {
            match link.strip_prefix('#') {
                Some(id) => assert!(known.contains(id), "{link} leads nowhere"),
                None => assert!(link.starts_with("/api/"), "{link} leads elsewhere"),
            }
        }
    }

    /// So the policy of the page can forbid scripts and everything from elsewhere.
    #[test]
    fn the_page_has_no_script_and_no_style_of_its_own() {
        let (_, page) = real();
        for forbidden in ["<script", "<style", " style=", " onclick=", "src=", "http://"] {
            assert!(!page.contains(forbidden), "{forbidden}");
        }
        assert!(page.len() < 1_000_000, "{} bytes are not light", page.len());
    }

    #[test]
    fn what_is_described_cannot_break_out() {
        let described = serde_json::json!({
            "info": {"title": "<script>", "description": "a `b` <i>"},
            "paths": {"/x": {"get": {"tags": ["t"], "operationId": "\"><b>", "responses": {}}}},
        });
        let page = page(&described, &[]).into_string();
        assert!(!page.contains("<script>") && !page.contains("<i>"));
        assert!(page.contains("a <code>b</code> &lt;i&gt;") && page.contains("&quot;&gt;&lt;b&gt;"));
    }
}
