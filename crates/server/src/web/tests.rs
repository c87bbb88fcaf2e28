use super::*;
use crate::api::tests::fixture::{Answer, Ask, Fixture};
use flate2::read::GzDecoder;
use std::io::Read as _;

fn get_path(fixture: &Fixture, path: &str) -> Answer {
    fixture.ask(Ask::to("GET /").path(path))
}

/// Returns the values of attributes in a page.
fn links<'a>(page: &'a str, attribute: &'a str) -> impl Iterator<Item = &'a str> {
    let begin = format!("{attribute}=\"");
    page.split(&begin.clone())
        .skip(1)
        .filter_map(|rest| rest.split('"').next())
        .collect::<Vec<_>>()
        .into_iter()
}

fn expanded(bytes: &[u8]) -> String {
    let mut text = String::new();
    GzDecoder::new(bytes).read_to_string(&mut text).unwrap();
    text
}

#[test]
fn page_and_its_files_are_public_and_under_a_strict_policy() {
    let fixture = Fixture::start(&[]);
    let page = get_path(&fixture, "/");
    assert_eq!(page.status, 200);
    let policy = page.headers[header::CONTENT_SECURITY_POLICY].to_str().unwrap();
    for part in [
        "default-src 'none'",
        "script-src 'self';",
        "require-trusted-types-for 'script'",
        "frame-ancestors 'none'",
    ] {
        assert!(policy.contains(part), "{policy}");
    }
    assert!(!policy.contains("unsafe"));
    assert_eq!(page.headers[header::CACHE_CONTROL], "no-cache");
    let paths: Vec<&str> = links(&page.body, "href").chain(links(&page.body, "src")).collect();
    assert!(paths.iter().any(|path| path.ends_with("/main.js")), "{}", page.body);
    for path in paths.iter().filter(|path| path.starts_with("assets/")) {
        let file = get_path(&fixture, &format!("/{path}"));
        assert_eq!(
            (file.status, &file.headers[header::CACHE_CONTROL]),
            (200, &HeaderValue::from_static(FOREVER)),
            "{path}"
        );
        assert_eq!(file.headers[header::X_CONTENT_TYPE_OPTIONS], "nosniff");
        assert_eq!(file.headers[header::CONTENT_SECURITY_POLICY], ASSET_POLICY);
    }
    let tag = page.headers[header::ETAG].to_str().unwrap();
    let again = fixture.ask(Ask::to("GET /").path("/").header("if-none-match", tag));
    assert_eq!((again.status, again.body.as_str()), (304, ""));
    assert_eq!(again.headers[header::VARY], "accept-encoding");
    let others = format!("\"x\", {tag}");
    assert_eq!(fixture.ask(Ask::to("GET /").path("/").header("if-none-match", &others)).status, 304);
    let head = fixture.ask(Ask::to("HEAD /").path("/"));
    assert_eq!((head.status, head.body.as_str()), (200, ""));
    let zipped = fixture.ask(Ask::to("GET /").path("/").header("accept-encoding", "deflate, gzip"));
    assert_eq!(zipped.headers[header::CONTENT_ENCODING], "gzip");
    let shortest = fixture.ask(Ask::to("GET /").path("/").header("accept-encoding", "gzip, br"));
    assert_eq!(shortest.headers[header::CONTENT_ENCODING], "br");
}

#[test]
fn page_of_a_foreign_host_or_with_another_method_is_refused() {
    let fixture = Fixture::start(&[]);
    assert_eq!(fixture.ask(Ask::to("GET /").path("/").header("host", "evil.example")).status, 403);
    for method in ["POST", "PUT", "DELETE"] {
        let status = fixture.ask(Ask::to(&format!("{method} /")).path("/")).status;
        assert!(matches!(status, 401 | 405), "{method}: {status}");
    }
}

#[test]
fn files_of_another_version_or_outside_of_the_bundle_are_not_found() {
    let fixture = Fixture::start(&[]);
    for path in [
        format!("/assets/{HASH}/nothing.js"),
        format!("/assets/{HASH}/../../etc/passwd"),
        format!("/assets/{HASH}/..%2f..%2fCargo.toml"),
        format!("/assets/{HASH}/index.html"),
        format!("/assets/{HASH}/i18n.test.js"),
        "/assets/0000000000000000/main.js".to_owned(),
    ] {
        let answer = get_path(&fixture, &path);
        assert_eq!(answer.status, 404, "{path}");
        assert!(!answer.headers.contains_key(header::ETAG));
    }
}

#[test]
fn page_below_a_base_path_has_relative_links() {
    let fixture = Fixture::start(&[("base_path", "/ztor")]);
    let moved = get_path(&fixture, "/ztor");
    assert_eq!((moved.status, &moved.headers[header::LOCATION]), (308, &HeaderValue::from_static("/ztor/")));
    let page = get_path(&fixture, "/ztor/");
    assert_eq!(page.status, 200);
    let src = links(&page.body, "src").next().unwrap();
    assert_eq!(get_path(&fixture, &format!("/ztor/{src}")).status, 200);
    assert_eq!(get_path(&fixture, "/").status, 401);
}

#[test]
fn every_import_of_a_built_in_module_leads_to_a_file() {
    let files: bundle::Files = FILES
        .iter()
        .map(|(path, packed)| ((*path).to_owned(), expanded(packed.gzip()).into_bytes()))
        .collect();
    let mut count = 0;
    for (path, bytes) in files.iter().filter(|(path, _)| path.ends_with(".js")) {
        let source = std::str::from_utf8(bytes).unwrap();
        let dynamic = source.split("import('").skip(1).filter(|rest| !rest.starts_with("${"));
        let dynamic = dynamic.filter_map(|rest| rest.split('\'').next()).filter(|path| path.starts_with('.'));
        for relative in bundle::imports(source).chain(dynamic) {
            let target = bundle::resolve(path, relative);
            // The types exist for the checker only.
            let is_found = target.as_ref().is_some_and(|target| files.contains_key(target));
            assert!(is_found || relative.ends_with("/types.js"), "{path} imports {relative}");
            count += 1;
        }
    }
    assert!(count > 20, "{count}");
}

#[test]
fn folder_is_read_again_with_the_page() {
    let dir = tempfile::tempdir().unwrap();
    std::fs::write(dir.path().join("index.html"), "<!-- preload --><script src=\"assets/main.js\"></script>")
        .unwrap();
    std::fs::write(dir.path().join("main.js"), "import { b } from './b.js';\nb();\n").unwrap();
    std::fs::create_dir(dir.path().join("sub")).unwrap();
    std::fs::write(dir.path().join("b.js"), "export {\n  b,\n} from './sub/c.js';\n").unwrap();
    std::fs::write(dir.path().join("sub/c.js"), "export const b = () => {};\n").unwrap();
    std::fs::write(dir.path().join("secret.txt"), "no").unwrap();
    let path = dir.path().display().to_string();
    let fixture = Fixture::start(&[("web_dir", &path)]);
    let page = get_path(&fixture, "/");
    let links_of = |page: &str| links(page, "href").map(|href| href[24..].to_owned()).collect::<Vec<_>>();
    assert_eq!(links_of(&page.body), ["main.js", "b.js", "sub/c.js"], "{}", page.body);
    let script = links(&page.body, "src").next().unwrap().to_owned();
    assert!(get_path(&fixture, &format!("/{script}")).body.starts_with("import { b }"));
    std::fs::write(dir.path().join("main.js"), "new\n").unwrap();
    // Read at most once a second.
    let end = Instant::now() + Duration::from_secs(60);
    let new = loop {
        let page = get_path(&fixture, "/");
        let new = links(&page.body, "src").next().unwrap().to_owned();
        if new != script {
            break new;
        }
        assert!(Instant::now() < end, "the folder was not read again");
    };
    assert_eq!(get_path(&fixture, &format!("/{new}")).body, "new\n");
    assert_eq!(get_path(&fixture, &format!("/{script}")).status, 404);
    let secret = new.replace("main.js", "secret.txt");
    assert_eq!(get_path(&fixture, &format!("/{secret}")).status, 404);
}

#[test]
fn folder_without_a_page_is_an_error() {
    let dir = tempfile::tempdir().unwrap();
    let error = Web::new(Some(dir.path().to_owned())).unwrap_err().to_string();
    assert!(error.contains("there is no index.html") && error.contains("web_dir"), "{error}");
}
