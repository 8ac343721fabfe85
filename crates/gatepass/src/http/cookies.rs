//! Cookies: their names and attributes on this installation.

use axum::http::{HeaderMap, HeaderValue, header};

use crate::config::PublicUrl;

/// Names and attributes of our cookies. On https the names carry `__Host-`, which makes browsers
/// enforce `Secure`, `Path=/` and no `Domain`; browsers refuse that prefix on http, so a loopback
/// installation goes without.
#[derive(Clone, Copy, Debug)]
pub struct Cookies {
    https: bool,
}

impl Cookies {
    /// For an installation at `public`.
    pub fn new(public: &PublicUrl) -> Self {
        Self {
            https: public.is_https(),
        }
    }

    /// The full name of one of our cookies.
    pub fn name(&self, name: &str) -> String {
        match self.https {
            true => format!("__Host-gatepass-{name}"),
            false => format!("gatepass-{name}"),
        }
    }

    /// The prefix that all cookies of a kind share.
    fn set(&self, name: &str, value: &str, max_age: u64) -> Option<HeaderValue> {
        let secure = if self.https { "; Secure" } else { "" };
        let name = self.name(name);
        HeaderValue::try_from(format!(
            "{name}={value}; Path=/; Max-Age={max_age}; HttpOnly; SameSite=Lax{secure}"
        ))
        .ok()
    }

    /// Sets a cookie for `max_age` seconds.
    pub fn keep(&self, headers: &mut HeaderMap, name: &str, value: &str, max_age: u64) {
        if let Some(cookie) = self.set(name, value, max_age) {
            headers.append(header::SET_COOKIE, cookie);
        }
    }

    /// Removes a cookie.
    pub fn remove(&self, headers: &mut HeaderMap, name: &str) {
        self.keep(headers, name, "", 0);
    }

    /// The value of one of our cookies.
    pub fn get<'a>(&self, headers: &'a HeaderMap, name: &str) -> Option<&'a str> {
        let name = self.name(name);
        all(headers).find_map(|(own, value)| (own == name).then_some(value))
    }

    /// Every cookie of ours whose name starts with `prefix`: the rest of its name, and its value.
    pub fn starting<'a>(
        &self,
        headers: &'a HeaderMap,
        prefix: &str,
    ) -> impl Iterator<Item = (&'a str, &'a str)> {
        let prefix = self.name(prefix);
        all(headers).filter_map(move |(name, value)| Some((name.strip_prefix(&prefix)?, value)))
    }
}

/// Every cookie of the request (RFC 6265 §5.4), over all header lines.
fn all(headers: &HeaderMap) -> impl Iterator<Item = (&str, &str)> {
    headers
        .get_all(header::COOKIE)
        .iter()
        .filter_map(|line| line.to_str().ok())
        .flat_map(|line| line.split(';'))
        .filter_map(|pair| pair.trim().split_once('='))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn request(lines: &[&'static str]) -> HeaderMap {
        let mut headers = HeaderMap::new();
        for line in lines {
            headers.append(header::COOKIE, HeaderValue::from_static(line));
        }
        headers
    }

    #[test]
    fn a_loopback_install_uses_plain_names() {
        let cookies = Cookies::new(&PublicUrl::localhost(4283));
        let mut headers = HeaderMap::new();
        cookies.keep(&mut headers, "owner", "v", 60);
        assert_eq!(
            headers[header::SET_COOKIE],
            "gatepass-owner=v; Path=/; Max-Age=60; HttpOnly; SameSite=Lax"
        );
    }

    #[test]
    fn an_https_install_uses_host_names_and_secure() {
        let cookies = Cookies::new(&PublicUrl::parse("https://chat.example.com").unwrap());
        let mut headers = HeaderMap::new();
        cookies.remove(&mut headers, "owner");
        assert_eq!(
            headers[header::SET_COOKIE],
            "__Host-gatepass-owner=; Path=/; Max-Age=0; HttpOnly; SameSite=Lax; Secure"
        );
    }

    #[test]
    fn cookies_are_found_over_several_lines_and_by_prefix() {
        let cookies = Cookies::new(&PublicUrl::localhost(4283));
        let headers = request(&[
            "a=b; gatepass-flow-1=x",
            "gatepass-owner=o; gatepass-flow-2=y==",
        ]);
        assert_eq!(cookies.get(&headers, "owner"), Some("o"));
        assert_eq!(cookies.get(&headers, "flow"), None);
        let flows: Vec<_> = cookies.starting(&headers, "flow-").collect();
        assert_eq!(flows, [("1", "x"), ("2", "y==")]);
    }
}
