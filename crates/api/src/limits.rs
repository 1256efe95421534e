//! How often somebody may ask: a quota for each class of requests and each key, such as a principal or an address.
//!
//! The quota comes back evenly (GCRA): of 60 requests a minute one comes back each second, and all 60 may be used at
//! once. Every answer says how much is left, in the headers `RateLimit-Policy` and `RateLimit` of the IETF's draft and
//! in the three older ones.

use std::{
    collections::hash_map::RandomState,
    fmt,
    net::IpAddr,
    num::NonZeroU32,
    str::FromStr,
    sync::{
        Arc,
        atomic::{AtomicU32, Ordering},
    },
    time::Duration,
};

use axum::{
    extract::{Request, State},
    http::{HeaderMap, HeaderName, HeaderValue, Method, header},
    middleware::Next,
    response::{IntoResponse, Response},
};
use governor::{
    RateLimiter,
    clock::{Clock, DefaultClock},
    middleware::StateInformationMiddleware,
    nanos::Nanos,
    state::{
        InMemoryState, NotKeyed, StateStore,
        keyed::{DashMapStateStore, ShrinkableKeyedStateStore},
    },
};
use ocore_domain::{Code, Problem};

use crate::problem::Failure;

/// The most keys that are remembered one by one in each class.
const KEYS: usize = 20_000;
/// After so many requests, keys that have their whole quota again are dropped.
const SWEEP: u32 = 4096;

/// What a request does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Class {
    /// It changes nothing.
    Read,
    /// It changes something.
    Change,
    /// It tries a password, or anything that can be guessed.
    Login,
}

impl Class {
    /// The class of most requests, by their method.
    pub fn of(method: &Method) -> Self {
        if method.is_safe() {
            Self::Read
        } else {
            Self::Change
        }
    }

    /// Its name in answers.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Read => "read",
            Self::Change => "change",
            Self::Login => "login",
        }
    }
}

/// So many requests in so much time. As text: `600/60`, the time in seconds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Quota {
    requests: NonZeroU32,
    window: Duration,
}

impl Quota {
    /// A quota; none for no time at all.
    pub fn new(requests: NonZeroU32, window: Duration) -> Option<Self> {
        (!(window / requests.get()).is_zero()).then_some(Self { requests, window })
    }

    const fn a_minute(requests: u32) -> Self {
        let requests = match NonZeroU32::new(requests) {
            Some(requests) => requests,
            None => NonZeroU32::MIN,
        };
        Self {
            requests,
            window: Duration::from_secs(60),
        }
    }

    /// The time in which one request comes back.
    fn interval(self) -> Duration {
        (self.window / self.requests.get()).max(Duration::from_nanos(1))
    }

    /// The time after which so many of the requests are all there again.
    fn full_after(self, remaining: u32) -> Duration {
        self.interval() * (self.requests.get() - remaining.min(self.requests.get()))
    }
}

impl FromStr for Quota {
    type Err = ();

    fn from_str(text: &str) -> Result<Self, ()> {
        let (requests, seconds) = text.split_once('/').ok_or(())?;
        let requests = requests.trim().parse().map_err(|_| ())?;
        let seconds: u32 = seconds.trim().parse().map_err(|_| ())?;
        Self::new(requests, Duration::from_secs(seconds.into())).ok_or(())
    }
}

impl fmt::Display for Quota {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.requests, self.window.as_secs())
    }
}

/// The quota of each class.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Quotas {
    /// Of [`Class::Read`].
    pub read: Quota,
    /// Of [`Class::Change`].
    pub change: Quota,
    /// Of [`Class::Login`].
    pub login: Quota,
}

impl Default for Quotas {
    fn default() -> Self {
        Self {
            read: Quota::a_minute(1200),
            change: Quota::a_minute(240),
            login: Quota::a_minute(10),
        }
    }
}

/// Whether a request may go on, and what is left after it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Verdict {
    class: Class,
    quota: Quota,
    remaining: u32,
    wait: Option<Duration>,
}

impl Verdict {
    /// How long to wait before the next one; none when this one may go on.
    pub const fn wait(&self) -> Option<Duration> {
        self.wait
    }

    /// How many more may be sent at once.
    pub const fn remaining(&self) -> u32 {
        self.remaining
    }

    /// Writes it into the headers of an answer. What a stricter limit, further in, has written already stays.
    pub fn write(&self, headers: &mut HeaderMap) {
        if let Some(wait) = self.wait {
            set(headers, header::RETRY_AFTER, &seconds(wait).to_string());
        }
        if headers.contains_key(&LIMIT) {
            return;
        }
        let (class, quota) = (self.class.as_str(), self.quota.requests);
        let (window, remaining) = (seconds(self.quota.window), self.remaining);
        let full = seconds(self.quota.full_after(remaining));
        set(headers, POLICY, &format!("\"{class}\";q={quota};w={window}"));
        set(headers, LIMIT, &format!("\"{class}\";r={remaining};t={full}"));
        set(headers, OLD_LIMIT, &quota.to_string());
        set(headers, OLD_REMAINING, &remaining.to_string());
        set(headers, OLD_RESET, &full.to_string());
    }
}

const POLICY: HeaderName = HeaderName::from_static("ratelimit-policy");
const LIMIT: HeaderName = HeaderName::from_static("ratelimit");
const OLD_LIMIT: HeaderName = HeaderName::from_static("ratelimit-limit");
const OLD_REMAINING: HeaderName = HeaderName::from_static("ratelimit-remaining");
const OLD_RESET: HeaderName = HeaderName::from_static("ratelimit-reset");

fn set(headers: &mut HeaderMap, name: HeaderName, value: &str) {
    if let Ok(value) = HeaderValue::from_str(value) {
        headers.insert(name, value);
    }
}

/// Whole seconds, rounded up: who waits so long has waited long enough.
const fn seconds(time: Duration) -> u64 {
    time.as_secs() + if time.subsec_nanos() > 0 { 1 } else { 0 }
}

/// Counts requests by class and key. Cheap to clone; clones count together.
#[derive(Clone, Debug)]
pub struct Limiter {
    classes: Arc<[Counted; 3]>,
}

impl Limiter {
    /// A limiter that has counted nothing yet.
    pub fn new(quotas: Quotas) -> Self {
        Self::with_room(quotas, KEYS)
    }

    fn with_room(quotas: Quotas, keys: usize) -> Self {
        let classes = [quotas.read, quotas.change, quotas.login];
        Self {
            classes: Arc::new(classes.map(|quota| Counted::new(quota, keys))),
        }
    }

    /// Counts a request, and tells whether it may go on.
    pub fn check(&self, class: Class, key: &str) -> Verdict {
        let counted = match class {
            Class::Read => &self.classes[0],
            Class::Change => &self.classes[1],
            Class::Login => &self.classes[2],
        };
        let (remaining, wait) = counted.check(key);
        Verdict {
            class,
            quota: counted.quota,
            remaining,
            wait,
        }
    }
}

/// The keys of one class.
struct Counted {
    quota: Quota,
    limiter: RateLimiter<String, Keys, DefaultClock, StateInformationMiddleware>,
    until_sweep: AtomicU32,
}

impl Counted {
    fn new(quota: Quota, keys: usize) -> Self {
        // An interval is never zero; should it ever be, one a second is the safe side.
        let rate = governor::Quota::with_period(quota.interval())
            .unwrap_or_else(|| governor::Quota::per_second(NonZeroU32::MIN))
            .allow_burst(quota.requests);
        let keys = Keys {
            most: keys,
            known: DashMapStateStore::with_hasher(RandomState::new()),
            rest: InMemoryState::default(),
        };
        Self {
            quota,
            limiter: RateLimiter::new(rate, keys, DefaultClock::default()),
            until_sweep: AtomicU32::new(SWEEP),
        }
    }

    fn check(&self, key: &str) -> (u32, Option<Duration>) {
        if self.until_sweep.fetch_sub(1, Ordering::Relaxed) == 1 {
            self.until_sweep.store(SWEEP, Ordering::Relaxed);
            self.limiter.retain_recent();
        }
        match self.limiter.check_key(&key.to_owned()) {
            Ok(state) => (state.remaining_burst_capacity(), None),
            Err(until) => (0, Some(until.wait_time_from(DefaultClock::default().now()))),
        }
    }
}

impl fmt::Debug for Counted {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Counted({}, {} keys)", self.quota, self.limiter.len())
    }
}

/// What is remembered of the keys: of each one while there is room, and of all the others together. So memory is bounded
/// whatever is sent, and those that were known before a flood do not feel it.
struct Keys {
    most: usize,
    known: DashMapStateStore<String>,
    rest: InMemoryState,
}

impl StateStore for Keys {
    type Key = String;

    fn measure_and_replace<T, F, E>(&self, key: &String, decide: F) -> Result<T, E>
    where
        F: Fn(Option<Nanos>) -> Result<(T, Nanos), E>,
    {
        if self.known.contains_key(key) || self.known.len() < self.most {
            self.known.measure_and_replace(key, decide)
        } else {
            self.rest.measure_and_replace(&NotKeyed::NonKey, decide)
        }
    }
}

impl ShrinkableKeyedStateStore<String> for Keys {
    fn retain_recent(&self, drop_below: Nanos) {
        ShrinkableKeyedStateStore::retain_recent(&self.known, drop_below);
    }

    fn len(&self) -> usize {
        self.known.len()
    }

    fn is_empty(&self) -> bool {
        self.known.is_empty()
    }
}

/// A limiter, and how it is told what a request is: its class and key, or nothing for one that is not limited.
#[derive(Clone, Debug)]
pub struct Limit {
    /// Counts.
    pub limiter: Limiter,
    /// Tells.
    pub keyed: fn(&Request) -> Option<(Class, String)>,
}

/// Answers requests above their quota with 429, and says in every other answer what is left.
///
/// ```ignore
/// router.layer(middleware::from_fn_with_state(Limit { limiter, keyed }, limits::limit))
/// ```
pub async fn limit(State(limit): State<Limit>, request: Request, next: Next) -> Response {
    let Some((class, key)) = (limit.keyed)(&request) else {
        return next.run(request).await;
    };
    let verdict = limit.limiter.check(class, &key);
    let mut response = match verdict.wait() {
        None => next.run(request).await,
        Some(wait) => refuse(class, wait),
    };
    verdict.write(response.headers_mut());
    response
}

fn refuse(class: Class, wait: Duration) -> Response {
    let problem = Problem::new(
        Code::TooManyRequests,
        format!("There were too many requests of the class `{}`", class.as_str()),
        format!(
            "Wait {} s; the headers `RateLimit` of each answer say how many are left.",
            seconds(wait)
        ),
    );
    Failure::from(problem).into_response()
}

/// An address as it is counted: of IPv6 the network, since whoever has one address there has 2⁶⁴ of them.
pub(crate) fn network(address: IpAddr) -> IpAddr {
    match address.to_canonical() {
        IpAddr::V4(address) => address.into(),
        IpAddr::V6(address) => {
            let network = u128::from(address) >> 64 << 64;
            IpAddr::V6(network.into())
        }
    }
}

#[cfg(test)]
mod tests {
    use std::net::SocketAddr;

    use axum::{Router, body::Body, extract::ConnectInfo, http::StatusCode, middleware, routing::get};
    use tower::ServiceExt;

    use super::*;
    use crate::idempotency::Principal;

    /// As the access layer does: by the principal when it is signed, else by its address.
    fn sender(request: &Request) -> Option<(Class, String)> {
        let class = Class::of(request.method());
        if let Some(Principal(principal)) = request.extensions().get() {
            return Some((class, format!("principal {principal}")));
        }
        let ConnectInfo(address) = request.extensions().get::<ConnectInfo<SocketAddr>>()?;
        Some((class, format!("address {}", network(address.ip()))))
    }

    fn quotas(requests: u32, window: Duration) -> Quotas {
        let quota = Quota::new(NonZeroU32::new(requests).unwrap(), window).unwrap();
        Quotas {
            read: quota,
            change: quota,
            login: quota,
        }
    }

    const MINUTE: Duration = Duration::from_secs(60);

    #[test]
    fn quotas_are_read_from_text() {
        assert_eq!("600/60".parse(), Ok(Quota::a_minute(600)));
        assert_eq!("600/60".parse::<Quota>().unwrap().to_string(), "600/60");
        for bad in ["", "600", "0/60", "60/0", "-1/60", "a/b", "4294967295/1/1"] {
            assert_eq!(bad.parse::<Quota>(), Err(()), "{bad}");
        }
    }

    #[test]
    fn classes_and_keys_are_counted_apart() {
        let limiter = Limiter::new(quotas(2, MINUTE));
        for remaining in [1, 0] {
            let verdict = limiter.check(Class::Login, "a");
            assert_eq!((verdict.remaining(), verdict.wait()), (remaining, None));
        }
        let wait = limiter.check(Class::Login, "a").wait().unwrap();
        assert!(
            wait > Duration::from_secs(25) && wait <= Duration::from_secs(30),
            "{wait:?}"
        );
        assert_eq!(limiter.check(Class::Login, "b").wait(), None);
        assert_eq!(limiter.check(Class::Change, "a").wait(), None);
        assert_eq!(limiter.clone().check(Class::Change, "a").remaining(), 0);
    }

    #[test]
    fn a_quota_comes_back_bit_by_bit() {
        let limiter = Limiter::new(quotas(2, Duration::from_millis(400)));
        while limiter.check(Class::Read, "a").wait().is_none() {}
        std::thread::sleep(Duration::from_millis(220));
        assert_eq!(limiter.check(Class::Read, "a").wait(), None);
    }

    #[test]
    fn memory_is_bounded_and_a_flood_is_not_felt_by_those_known_before() {
        let limiter = Limiter::with_room(quotas(3, MINUTE), 10);
        assert_eq!(limiter.check(Class::Login, "known").remaining(), 2);
        let passed = (0..2 * SWEEP)
            .filter(|n| limiter.check(Class::Login, &n.to_string()).wait().is_none())
            .count();
        // Nine found room, and the rest share one quota of three.
        assert_eq!(passed, 9 + 3);
        assert_eq!(limiter.classes[2].limiter.len(), 10);
        assert_eq!(limiter.check(Class::Login, "known").remaining(), 1);
    }

    #[test]
    fn keys_that_have_their_whole_quota_again_are_dropped() {
        let limiter = Limiter::new(quotas(1000, Duration::from_millis(1000)));
        for n in 0..100 {
            limiter.check(Class::Read, &n.to_string());
        }
        std::thread::sleep(Duration::from_millis(100));
        for _ in 0..SWEEP {
            limiter.check(Class::Read, "the last");
        }
        let left = limiter.classes[0].limiter.len();
        assert!(left <= 1, "{left}");
    }

    #[test]
    fn an_ipv6_network_is_one_key() {
        let of = |text: &str| network(text.parse().unwrap()).to_string();
        assert_eq!(of("2001:db8:1:2:3:4:5:6"), "2001:db8:1:2::");
        assert_eq!(of("::ffff:192.0.2.1"), "192.0.2.1");
        assert_eq!(of("192.0.2.1"), "192.0.2.1");
    }

    fn router(quotas: Quotas) -> Router {
        let limit = Limit {
            limiter: Limiter::new(quotas),
            keyed: sender,
        };
        Router::new()
            .route("/", get(|| async { "well" }).post(|| async { "done" }))
            .layer(middleware::from_fn_with_state(limit, super::limit))
            .layer(middleware::from_fn(crate::request::answer))
    }

    async fn ask(router: &Router, method: &str, principal: Option<&str>, address: [u8; 4]) -> Response {
        let mut request = Request::builder()
            .method(method)
            .uri("/")
            .body(Body::empty())
            .unwrap();
        request
            .extensions_mut()
            .insert(ConnectInfo(SocketAddr::from((address, 1))));
        if let Some(principal) = principal {
            request.extensions_mut().insert(Principal(principal.to_owned()));
        }
        router.clone().oneshot(request).await.unwrap()
    }

    #[tokio::test]
    async fn answers_say_what_is_left_and_refusals_when_to_come_back() {
        let router = router(quotas(2, MINUTE));
        let first = ask(&router, "GET", None, [192, 0, 2, 1]).await;
        assert_eq!(first.status(), StatusCode::OK);
        let header = |response: &Response, name: &str| response.headers()[name].to_str().unwrap().to_owned();
        assert_eq!(header(&first, "ratelimit-policy"), "\"read\";q=2;w=60");
        assert_eq!(header(&first, "ratelimit"), "\"read\";r=1;t=30");
        assert_eq!(header(&first, "ratelimit-limit"), "2");
        assert_eq!(header(&first, "ratelimit-remaining"), "1");
        assert_eq!(header(&first, "ratelimit-reset"), "30");
        assert!(!first.headers().contains_key("retry-after"));

        ask(&router, "GET", None, [192, 0, 2, 1]).await;
        let third = ask(&router, "GET", None, [192, 0, 2, 1]).await;
        assert_eq!(third.status(), StatusCode::TOO_MANY_REQUESTS);
        assert_eq!(header(&third, "retry-after"), "30");
        assert_eq!(header(&third, "ratelimit"), "\"read\";r=0;t=60");
        assert_eq!(header(&third, "content-type"), "application/problem+json");
        let body = axum::body::to_bytes(third.into_body(), 1 << 16).await.unwrap();
        let problem: serde_json::Value = serde_json::from_slice(&body).unwrap();
        assert_eq!(problem["code"], "request.too_many");

        // Others are not concerned: another address, somebody with a name, another class.
        for (method, principal, address) in [
            ("GET", None, [192, 0, 2, 2]),
            ("GET", Some("ann"), [192, 0, 2, 1]),
            ("POST", None, [192, 0, 2, 1]),
        ] {
            assert_eq!(
                ask(&router, method, principal, address).await.status(),
                StatusCode::OK
            );
        }
        // Who has a name is known by it everywhere.
        ask(&router, "GET", Some("ann"), [192, 0, 2, 3]).await;
        let ann = ask(&router, "GET", Some("ann"), [192, 0, 2, 4]).await;
        assert_eq!(ann.status(), StatusCode::TOO_MANY_REQUESTS);
    }
}
