//! Alerts from what is seen to who is told: rules, channels, deliveries to a real SMTP server and a receiver of webhooks,
//! what people want, and how long everything was up.

use std::sync::{Arc, Mutex};

use axum::{
    Router,
    body::Bytes,
    extract::State,
    http::{HeaderMap, StatusCode},
    routing::post,
};
use ocore_domain::{ServerId, access::SystemRole};
use ocore_mail::{Config, Smtp, Values};
use ocore_notify::{Notifier, Settings, webhook};
use ocore_operations::{Hands, alerts};
use ocore_store::notifications::Notifications;
use ocore_testbed::SmtpCatcher;
use serde_json::{Value, json};
use sqlx::PgPool;

use crate::{
    callers,
    support::{Client, installation},
};

/// What a receiver of webhooks got: headers and body.
type Got = Arc<Mutex<Vec<(HeaderMap, Bytes)>>>;

/// A receiver on this machine. Its path `/broken` answers 500, `/gone` 410, `/away` a redirect.
async fn receiver() -> (String, Got) {
    async fn keep(State(got): State<Got>, headers: HeaderMap, body: Bytes) {
        got.lock().unwrap().push((headers, body));
    }
    let got = Got::default();
    let router = Router::new()
        .route("/hook", post(keep))
        .route("/broken", post(async || StatusCode::INTERNAL_SERVER_ERROR))
        .route("/gone", post(async || StatusCode::GONE))
        .route(
            "/away",
            post(async || (StatusCode::FOUND, [("location", "http://127.0.0.1/")])),
        )
        .fallback(post(keep))
        .with_state(got.clone());
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move { axum::serve(listener, router).await });
    (format!("http://{address}"), got)
}

/// A client whose API tells people by a real SMTP server, and the hands that evaluate and deliver for it.
async fn world(pool: &PgPool, mails: &SmtpCatcher, telegram: Option<String>) -> (Client, Hands) {
    let values = Values {
        host: Some("127.0.0.1".to_owned()),
        port: Some(mails.port().to_string()),
        from: Some("oCore <ocore@example.com>".to_owned()),
        ..Values::default()
    };
    let mailer = Arc::new(Smtp::new(Config::new(values).unwrap()).unwrap());
    let settings = Settings {
        app_url: "https://ocore.example".to_owned(),
        allow_private: true,
        telegram_url: telegram,
    };
    let notifier = Notifier::new(Some(mailer), settings);
    let client = Client::telling(pool.clone(), installation(), notifier.clone()).await;
    let hands = Hands::new(client.store.clone(), Notifications::listen(pool.clone())).with_notifier(notifier);
    (client, hands)
}

async fn sql(pool: &PgPool, statement: &str) {
    sqlx::raw_sql(sqlx::AssertSqlSafe(statement.to_owned()))
        .execute(pool)
        .await
        .unwrap();
}

async fn number(pool: &PgPool, statement: &str) -> i64 {
    sqlx::query_scalar(sqlx::AssertSqlSafe(statement.to_owned()))
        .fetch_one(pool)
        .await
        .unwrap()
}

/// SSH fails, has been tried again, and no agent is there.
async fn kill(pool: &PgPool, server: ServerId) {
    sql(
        pool,
        &format!(
            "insert into server_checks (server_id, organization_id, ssh_failing_since, ssh_confirmed, ssh_detail)
             select id, organization_id, now() - interval '30 seconds', true, 'no answer' from servers where id = '{server}'
             on conflict (server_id) do update set ssh_failing_since = excluded.ssh_failing_since, ssh_confirmed = true,
                 ssh_detail = excluded.ssh_detail"
        ),
    )
    .await;
}

async fn revive(pool: &PgPool, server: ServerId) {
    sql(
        pool,
        &format!(
            "insert into server_checks (server_id, organization_id) select id, organization_id from servers
             where id = '{server}' on conflict (server_id) do update set ssh_failing_since = null, ssh_confirmed = false,
                 reach = 'reachable';
             update servers set status = 'active', status_message = null where id = '{server}'"
        ),
    )
    .await;
}

/// Evaluates a few times, as the leader does every few seconds, and delivers what is due.
async fn tick(hands: &Hands, pool: &PgPool) {
    for _ in 0..3 {
        alerts::evaluate(hands).await.unwrap();
    }
    let due: Vec<uuid::Uuid> = sqlx::query_scalar(
        "select id from notification_deliveries where state = 'pending' and next_attempt_at <= now()",
    )
    .fetch_all(pool)
    .await
    .unwrap();
    let due: Vec<_> = due.into_iter().map(Into::into).collect();
    alerts::deliver_now(hands, &due).await.unwrap();
}

#[sqlx::test(migrations = "../store/migrations")]
async fn a_dead_server_is_told_of_once_and_its_return_once(pool: PgPool) {
    let mails = SmtpCatcher::start().unwrap();
    let (address, got) = receiver().await;
    let (client, hands) = world(&pool, &mails, None).await;
    let anna = client.member("anna@example.com", SystemRole::Admin).await;
    let server = client.active_server("one").await;
    client
        .post(
            "/api/notification-channels",
            json!({"name": "ops", "kind": "email", "to": ["ops@example.com"]}),
        )
        .await
        .ok(201);
    let hook = client
        .post(
            "/api/notification-channels",
            json!({"name": "hook", "kind": "webhook", "url": format!("{address}/hook")}),
        )
        .await
        .ok(201);
    let secret = hook["secret"].as_str().unwrap().to_owned();
    assert!(
        !client
            .get("/api/notification-channels")
            .await
            .text
            .contains(&secret)
    );
    revive(&pool, server).await;
    tick(&hands, &pool).await;
    assert_eq!(
        client.get("/api/monitoring/alerts/count").await.ok(200)["unresolved"],
        0
    );

    kill(&pool, server).await;
    tick(&hands, &pool).await;
    tick(&hands, &pool).await;
    let events = client
        .get("/api/monitoring/alerts/events?resolved=false")
        .await
        .ok(200);
    assert_eq!(events["data"].as_array().unwrap().len(), 1, "{events}");
    let event = &events["data"][0];
    assert_eq!(event["metric"], "serverUnreachable");
    assert_eq!(event["severity"], "critical");
    assert_eq!(
        client.get("/api/servers/one").await.ok(200)["status"],
        "unreachable"
    );
    assert_eq!(mails.mails().unwrap().len(), 1);
    assert_eq!(got.lock().unwrap().len(), 1);

    let id = event["id"].as_str().unwrap();
    let seen = client
        .post(
            &format!("/api/monitoring/alerts/events/{id}/acknowledge"),
            json!({}),
        )
        .await
        .ok(200);
    assert_eq!(seen["acknowledgedBy"], "test");

    revive(&pool, server).await;
    tick(&hands, &pool).await;
    tick(&hands, &pool).await;
    let mails = mails.mails().unwrap();
    let subjects: Vec<&str> = mails.iter().map(|mail| mail.subject.as_str()).collect();
    assert_eq!(subjects.len(), 2, "{subjects:?}");
    assert!(
        subjects[0].starts_with("[critical] one cannot be reached"),
        "{subjects:?}"
    );
    assert!(
        subjects[1].starts_with("Resolved: one cannot be reached"),
        "{subjects:?}"
    );
    assert!(
        mails[0]
            .text
            .contains(&format!("https://ocore.example/monitoring/alerts/{id}"))
    );

    // The signature is what a receiver computes, and the body is what was signed.
    let got = got.lock().unwrap().clone();
    assert_eq!(got.len(), 2);
    let text = |name: &str| got[0].0[name].to_str().unwrap();
    assert_eq!(text("x-ocore-event"), "alert.opened");
    let timestamp = text("x-ocore-timestamp").parse().unwrap();
    assert_eq!(
        text("x-ocore-signature"),
        webhook::signature(&secret.into(), timestamp, &got[0].1)
    );
    let body: Value = serde_json::from_slice(&got[0].1).unwrap();
    assert_eq!(body["alert"]["eventId"], id);
    assert_eq!(text("x-ocore-delivery"), body["id"]);

    // Anna was told in oCore; the outage is in the uptime.
    let told = number(
        &pool,
        &format!("select count(*) from user_notifications where user_id = '{anna}'"),
    )
    .await;
    assert_eq!(told, 2);
    let uptime = client.get("/api/servers/one/uptime").await.ok(200);
    assert_eq!(uptime["periods"][0]["outageCount"], 1, "{uptime}");
    assert!(
        uptime["periods"][0]["downSeconds"].as_i64().unwrap() <= 31,
        "{uptime}"
    );
    assert!(
        uptime["periods"][0]["unknownSeconds"].as_i64().unwrap() > 80_000,
        "{uptime}"
    );
    let deliveries = client.get("/api/notification-deliveries").await.ok(200);
    let deliveries = deliveries["data"].as_array().unwrap();
    assert_eq!(deliveries.len(), 4);
    assert!(
        deliveries
            .iter()
            .all(|d| d["state"] == "delivered" && d["attempts"][0]["ok"] == true)
    );
}

/// A server that is away explains its instances: nobody is told of them, neither then nor when all is back.
#[sqlx::test(migrations = "../store/migrations")]
async fn a_dead_server_silences_its_instances(pool: PgPool) {
    let mails = SmtpCatcher::start().unwrap();
    let (client, hands) = world(&pool, &mails, None).await;
    let server = client.active_server("one").await;
    let created = client
        .post(
            "/api/instances",
            json!({"name": "acme", "serverId": server, "odooVersion": "19.0", "environmentType": "production"}),
        )
        .await
        .ok(202);
    let instance = created["instance"]["id"].as_str().unwrap();
    sql(
        &pool,
        &format!("update instances set status = 'running', health = 'healthy', observed_at = now() where id = '{instance}'"),
    )
    .await;
    client
        .post(
            "/api/notification-channels",
            json!({"name": "ops", "kind": "email", "to": ["ops@example.com"]}),
        )
        .await
        .ok(201);
    revive(&pool, server).await;
    tick(&hands, &pool).await;
    sql(
        &pool,
        "update alert_rules set minutes = 0 where preset = 'instance_down'",
    )
    .await;
    kill(&pool, server).await;
    tick(&hands, &pool).await;
    let count = client.get("/api/monitoring/alerts/count").await.ok(200);
    assert_eq!(
        (&count["unresolved"], &count["suppressed"]),
        (&json!(1), &json!(1)),
        "{count}"
    );
    let events = client
        .get("/api/monitoring/alerts/events?suppressed=true")
        .await
        .ok(200);
    assert_eq!(events["data"][0]["subjectName"], "acme");
    assert!(events["data"][0]["suppressedBy"].is_string());
    assert_eq!(mails.mails().unwrap().len(), 1, "of the server only");

    revive(&pool, server).await;
    tick(&hands, &pool).await;
    assert_eq!(mails.mails().unwrap().len(), 2, "of the server only");
    sql(
        &pool,
        &format!("update instances set health = 'healthy' where id = '{instance}'"),
    )
    .await;
    tick(&hands, &pool).await;
    let count = client.get("/api/monitoring/alerts/count").await.ok(200);
    assert_eq!(
        (&count["unresolved"], &count["suppressed"]),
        (&json!(0), &json!(0)),
        "{count}"
    );
    assert_eq!(mails.mails().unwrap().len(), 2);

    // An instance that stays down when its server is back is told of, late.
    kill(&pool, server).await;
    tick(&hands, &pool).await;
    revive(&pool, server).await;
    sql(
        &pool,
        &format!("update instances set health = 'down', health_detail = 'the container is exited' where id = '{instance}'"),
    )
    .await;
    tick(&hands, &pool).await;
    assert_eq!(mails.mails().unwrap().len(), 4);
    sql(
        &pool,
        "update alert_events set resolved_at = resolved_at - interval '3 minutes' where resolved_at is not null",
    )
    .await;
    tick(&hands, &pool).await;
    let mails = mails.mails().unwrap();
    assert_eq!(mails.len(), 5);
    assert!(
        mails[4].subject.contains("acme does not run"),
        "{}",
        mails[4].subject
    );
}

/// An agent that pushes is a second witness: the server stays active, and that SSH is away is a warning of its own.
#[sqlx::test(migrations = "../store/migrations")]
async fn an_agent_that_pushes_keeps_a_server_active(pool: PgPool) {
    let mails = SmtpCatcher::start().unwrap();
    let (client, hands) = world(&pool, &mails, None).await;
    let server = client.active_server("one").await;
    sql(
        &pool,
        &format!(
            "insert into agents (server_id, organization_id, token_hash, last_seen_at)
             select id, organization_id, 'x', now() from servers where id = '{server}'"
        ),
    )
    .await;
    kill(&pool, server).await;
    tick(&hands, &pool).await;
    let shown = client.get("/api/servers/one").await.ok(200);
    assert_eq!(shown["status"], "active");
    assert!(
        shown["statusMessage"]
            .as_str()
            .unwrap()
            .contains("the agent does"),
        "{shown}"
    );
    sql(
        &pool,
        "update alert_rules set updated_at = now() - interval '1 day';
         update alert_states set since = since - interval '2 minutes'",
    )
    .await;
    tick(&hands, &pool).await;
    let events = client
        .get("/api/monitoring/alerts/events?resolved=false")
        .await
        .ok(200);
    assert_eq!(events["data"].as_array().unwrap().len(), 1, "{events}");
    assert_eq!(events["data"][0]["metric"], "sshUnreachable");
    assert_eq!(events["data"][0]["severity"], "warning");

    // It falls silent too: then the server is unreachable, which explains the other.
    sql(
        &pool,
        "update agents set last_seen_at = now() - interval '81 seconds'",
    )
    .await;
    tick(&hands, &pool).await;
    assert_eq!(
        client.get("/api/servers/one").await.ok(200)["status"],
        "unreachable"
    );
    let count = client.get("/api/monitoring/alerts/count").await.ok(200);
    assert_eq!(
        (&count["critical"], &count["suppressed"]),
        (&json!(1), &json!(1)),
        "{count}"
    );
}

/// Rows as an agent's: every ten seconds for so many minutes, up to now.
async fn samples(pool: &PgPool, server: ServerId, minutes: u32, cpu: f32) {
    sql(
        pool,
        &format!(
            "create table if not exists server_samples_all partition of server_samples default;
             delete from server_samples where server_id = '{server}';
             insert into server_samples (organization_id, server_id, at, source, interval_seconds, uptime_seconds, cpu_usage,
                 cpu_user, cpu_system, cpu_iowait, cpu_steal, load_1m, load_5m, load_15m, ram_total, ram_available,
                 swap_total, swap_used, disk_total, disk_available, network_rx_bytes, network_tx_bytes)
             select organization_id, id, now() - make_interval(secs => 10 * n), 'agent', 10, 1, {cpu}, 0, 0, 0, 0, 1, 1, 1,
                 1000, 900, 0, 0, 1000, 900, 0, 0
             from servers cross join generate_series(0, {minutes} * 6 - 1) as n where id = '{server}';
             insert into server_latest (server_id, organization_id, at, source, detail)
             select id, organization_id, now(), 'agent', '{{\"top\": [{{\"name\": \"postgres\", \"cpuPercent\": 20,
                 \"memoryBytes\": 900}}, {{\"name\": \"stress\", \"cpuPercent\": 390, \"memoryBytes\": 100}}],
                 \"containers\": [{{\"name\": \"ocore-acme\", \"cpuPercent\": 388, \"memoryBytes\": 5}}]}}'
             from servers where id = '{server}'
             on conflict (server_id) do update set at = excluded.at, received_at = now(), detail = excluded.detail"
        ),
    )
    .await;
}

#[sqlx::test(migrations = "../store/migrations")]
async fn averages_hysteresis_and_the_culprit(pool: PgPool) {
    let mails = SmtpCatcher::start().unwrap();
    let (client, hands) = world(&pool, &mails, None).await;
    let server = client.active_server("one").await;
    revive(&pool, server).await;
    let rule = client
        .post(
            "/api/monitoring/alerts/rules",
            json!({"name": "CPU soon", "metric": "cpuUsagePercent", "threshold": 80, "clearThreshold": 60, "minutes": 5,
                   "severity": "info", "serverIds": [server]}),
        )
        .await
        .ok(201);
    let open = async || {
        tick(&hands, &pool).await;
        let events = client
            .get("/api/monitoring/alerts/events?resolved=false")
            .await
            .ok(200);
        events["data"].as_array().unwrap().clone()
    };
    // Half of the minutes is not enough, however high.
    samples(&pool, server, 2, 100.0).await;
    assert_eq!(open().await.len(), 0);
    samples(&pool, server, 6, 85.0).await;
    let events = open().await;
    assert_eq!(events.len(), 1, "{events:?}");
    assert_eq!(events[0]["ruleId"], rule["id"]);
    assert_eq!(events[0]["message"], "one: CPU in use: 85 % (limit 80 %)");
    let names: Vec<&str> = events[0]["culprits"]
        .as_array()
        .unwrap()
        .iter()
        .map(|culprit| culprit["name"].as_str().unwrap())
        .collect();
    assert_eq!(names, ["stress", "postgres", "ocore-acme"]);
    // Between the thresholds it stays.
    samples(&pool, server, 6, 70.0).await;
    assert_eq!(open().await.len(), 1);
    samples(&pool, server, 6, 50.0).await;
    assert_eq!(open().await.len(), 0);

    // A rule that is changed is judged anew; one that is deleted takes its alert along.
    samples(&pool, server, 6, 85.0).await;
    assert_eq!(open().await.len(), 1);
    let path = format!("/api/monitoring/alerts/rules/{}", rule["id"].as_str().unwrap());
    client.put(&path, json!({"threshold": 86})).await.ok(200);
    assert_eq!(open().await.len(), 0);
    client.put(&path, json!({"threshold": 70})).await.ok(200);
    assert_eq!(open().await.len(), 1);
    client.delete(&path).await;
    assert_eq!(open().await.len(), 0);
}

#[sqlx::test(migrations = "../store/migrations")]
async fn two_who_evaluate_open_one_alert(pool: PgPool) {
    let mails = SmtpCatcher::start().unwrap();
    let (client, hands) = world(&pool, &mails, None).await;
    let server = client.active_server("one").await;
    revive(&pool, server).await;
    tick(&hands, &pool).await;
    kill(&pool, server).await;
    let all = (0..8).map(|_| alerts::evaluate(&hands));
    for done in futures::future::join_all(all).await {
        done.unwrap();
    }
    assert_eq!(number(&pool, "select count(*) from alert_events").await, 1);
    // Ended by a person, it does not come again until it was right in between.
    client
        .post("/api/monitoring/alerts/events/resolve-all", json!({}))
        .await
        .ok(200);
    tick(&hands, &pool).await;
    assert_eq!(number(&pool, "select count(*) from alert_events").await, 1);
    revive(&pool, server).await;
    tick(&hands, &pool).await;
    kill(&pool, server).await;
    tick(&hands, &pool).await;
    assert_eq!(number(&pool, "select count(*) from alert_events").await, 2);
}

#[sqlx::test(migrations = "../store/migrations")]
async fn rules_are_there_and_checked(pool: PgPool) {
    let client = Client::new(pool.clone()).await;
    let rules = client.get("/api/monitoring/alerts/rules?limit=200").await.ok(200);
    let rules = rules["data"].as_array().unwrap();
    assert_eq!(rules.len(), ocore_domain::alerts::PRESETS.len());
    client.get("/api/monitoring/alerts/rules").await.ok(200);
    assert_eq!(client.recorded().await, ["alert_rule.presets_created"]);
    let rule = &rules[0];
    let path = format!("/api/monitoring/alerts/rules/{}", rule["id"].as_str().unwrap());
    let shown = client.get(&path).await;
    client
        .put_if(&path, shown.etag(), json!({"enabled": false}))
        .await
        .ok(200);
    client
        .put_if(&path, shown.etag(), json!({"enabled": true}))
        .await
        .problem(412, "request.precondition_failed");
    let bad = |body: Value| {
        let client = &client;
        async move { client.post("/api/monitoring/alerts/rules", body).await.fields() }
    };
    let rule = |more: Value| {
        let mut rule = json!({"name": "x", "metric": "cpuUsagePercent", "threshold": 90});
        for (key, value) in more.as_object().unwrap() {
            rule[key] = value.clone();
        }
        rule
    };
    assert_eq!(bad(rule(json!({"metric": "nonsense"}))).await, ["metric"]);
    assert_eq!(bad(rule(json!({"minutes": 0}))).await, ["minutes"]);
    assert_eq!(bad(rule(json!({"clearThreshold": 95}))).await, ["clearThreshold"]);
    assert_eq!(bad(rule(json!({"metric": "instanceDown"}))).await, ["threshold"]);
    assert_eq!(
        bad(rule(json!({"instanceIds": [ServerId::new()]}))).await,
        ["instanceIds"]
    );
    assert_eq!(
        bad(rule(json!({"serverIds": [ServerId::new()]}))).await,
        ["serverIds"]
    );
    let reply = client
        .post("/api/monitoring/alerts/rules", rule(json!({"name": "cpu HIGH"})))
        .await;
    reply.problem(409, "name.taken");
}

#[sqlx::test(migrations = "../store/migrations")]
async fn channels_are_checked_and_keep_their_secrets(pool: PgPool) {
    // An installation that allows no private addresses, as is usual.
    let client = Client::new(pool.clone()).await;
    let bad = |body: Value| {
        let client = &client;
        async move { client.post("/api/notification-channels", body).await.fields() }
    };
    for url in [
        "http://example.com/",
        "https://127.0.0.1/",
        "https://localhost/hook",
        "https://10.1.2.3/",
        "https://169.254.169.254/latest/meta-data",
        "https://[::1]/",
        "https://a:b@example.com/",
        "nonsense",
    ] {
        assert_eq!(
            bad(json!({"name": "a", "kind": "webhook", "url": url})).await,
            ["url"],
            "{url}"
        );
        let slack = json!({"name": "a", "kind": "slack", "webhookUrl": url});
        assert_eq!(bad(slack).await, ["webhookUrl"], "{url}");
    }
    assert_eq!(bad(json!({"name": "a", "kind": "email"})).await, ["to"]);
    assert_eq!(
        bad(json!({"name": "a", "kind": "email", "to": ["x"]})).await,
        ["to[0]"]
    );
    assert_eq!(
        bad(json!({"name": "a", "kind": "telegram", "token": "canary", "chatId": "1"})).await,
        ["token"]
    );
    assert_eq!(
        bad(json!({"name": "a", "kind": "webhook", "url": "https://example.com/", "secret": "short"})).await,
        ["secret"]
    );
    let secret = "canary-0123456789abcdef";
    let made = client
        .post(
            "/api/notification-channels",
            json!({"name": "a", "kind": "webhook", "url": "https://example.com/hook", "secret": secret}),
        )
        .await
        .ok(201);
    let slack =
        json!({"name": "b", "kind": "slack", "webhookUrl": format!("https://hooks.example.com/{secret}")});
    client.post("/api/notification-channels", slack).await.ok(201);
    let telegram = json!({"name": "c", "kind": "telegram", "token": format!("1:{secret}"), "chatId": "@ops"});
    client.post("/api/notification-channels", telegram).await.ok(201);
    let id = made["channel"]["id"].as_str().unwrap();
    let path = format!("/api/notification-channels/{id}");
    let changed = client.put(&path, json!({"minSeverity": "critical"})).await;
    assert_eq!(changed.ok(200)["minSeverity"], "critical");
    // Who may only look does not see where it goes, and nobody sees the secret.
    let viewer = client
        .with_key(&["view:monitoring"], ocore_domain::access::Scope::default())
        .await;
    let seen = viewer.get(&path).await.ok(200);
    assert_eq!(seen["url"], "https://example.com/…");
    for text in [
        client.get("/api/notification-channels").await.text,
        client.get("/api/audit-logs").await.text,
        made.to_string(),
    ] {
        assert!(!text.contains("canary"), "{text}");
    }
    let rows: String = sqlx::query_scalar("select string_agg(c::text, ';') from notification_channels c")
        .fetch_one(&pool)
        .await
        .unwrap();
    assert!(!rows.contains("canary"), "{rows}");
}

#[sqlx::test(migrations = "../store/migrations")]
async fn a_test_goes_by_every_channel_and_tells_how_it_went(pool: PgPool) {
    let mails = SmtpCatcher::start().unwrap();
    let (address, got) = receiver().await;
    // The receiver stands in for Telegram and Slack too.
    let (client, hands) = world(&pool, &mails, Some(address.clone())).await;
    for channel in [
        json!({"name": "mail", "kind": "email", "to": ["ops@example.com", "refused@example.com"]}),
        json!({"name": "hook", "kind": "webhook", "url": format!("{address}/hook")}),
        json!({"name": "broken", "kind": "webhook", "url": format!("{address}/broken")}),
        json!({"name": "gone", "kind": "webhook", "url": format!("{address}/gone")}),
        json!({"name": "away", "kind": "webhook", "url": format!("{address}/away")}),
        json!({"name": "nobody", "kind": "webhook", "url": "http://127.0.0.1:9/"}),
        json!({"name": "slack", "kind": "slack", "webhookUrl": format!("{address}/services/canary")}),
        json!({"name": "telegram", "kind": "telegram", "token": "1:canary", "chatId": "@ops"}),
        json!({"name": "browsers", "kind": "webpush"}),
        json!({"name": "off", "kind": "webhook", "url": format!("{address}/hook"), "enabled": false}),
    ] {
        client.post("/api/notification-channels", channel).await.ok(201);
    }
    let reply = client.post("/api/monitoring/alerts/test", json!({})).await;
    let sent = reply.ok(200);
    assert!(!reply.text.contains("canary"), "{}", reply.text);
    let went: Vec<(String, bool, Value)> = sent["data"]
        .as_array()
        .unwrap()
        .iter()
        .map(|line| {
            let name = format!(
                "{} {}",
                line["channelName"].as_str().unwrap(),
                line["target"].as_str().unwrap()
            );
            (
                name.trim().to_owned(),
                line["ok"].as_bool().unwrap(),
                line["status"].clone(),
            )
        })
        .collect();
    for (name, ok, status) in [
        ("mail ops@example.com", true, Value::Null),
        ("mail refused@example.com", false, Value::Null),
        ("hook", true, json!(200)),
        ("broken", false, json!(500)),
        ("gone", false, json!(410)),
        ("away", false, json!(302)),
        ("nobody", false, Value::Null),
        ("slack", true, json!(200)),
        ("telegram", true, json!(200)),
        ("browsers", false, Value::Null),
    ] {
        assert!(went.contains(&(name.to_owned(), ok, status)), "{name}: {went:?}");
    }
    assert_eq!(went.len(), 10);
    assert_eq!(mails.mails().unwrap().len(), 1);
    let bodies: Vec<Value> = got
        .lock()
        .unwrap()
        .iter()
        .map(|(_, body)| serde_json::from_slice(body).unwrap())
        .collect();
    assert!(bodies.iter().any(|body| body["chat_id"] == "@ops"), "{bodies:?}");

    // What failed is tried again later; what is gone is not. It can be sent again by hand.
    let state = async |name: &str| -> (String, i32) {
        sqlx::query_as(
            "select d.state, d.attempts from notification_deliveries d join notification_channels c on c.id = d.channel_id
             where c.name = $1",
        )
        .bind(name.to_owned())
        .fetch_one(&pool)
        .await
        .unwrap()
    };
    assert_eq!(state("broken").await, ("pending".to_owned(), 1));
    assert_eq!(state("gone").await, ("failed".to_owned(), 1));
    for _ in 1..alerts::MAX_ATTEMPTS {
        sql(
            &pool,
            "update notification_deliveries set next_attempt_at = now() where state = 'pending'",
        )
        .await;
        tick(&hands, &pool).await;
    }
    assert_eq!(state("broken").await, ("failed".to_owned(), 8));
    let failed = client
        .get("/api/notification-deliveries?state=failed")
        .await
        .ok(200);
    let broken = failed["data"]
        .as_array()
        .unwrap()
        .iter()
        .find(|d| d["channelName"] == "broken")
        .unwrap();
    assert_eq!(broken["attempts"].as_array().unwrap().len(), 8);
    let path = format!(
        "/api/notification-deliveries/{}/replay",
        broken["id"].as_str().unwrap()
    );
    let again = client.post(&path, json!({})).await.ok(202);
    assert_eq!(again["replayOf"], broken["id"]);
    assert_eq!(again["state"], "pending");
}

/// Quiet hours hold what goes to a person, and what is critical passes if so chosen.
#[sqlx::test(migrations = "../store/migrations")]
async fn quiet_hours_hold_what_is_not_critical(pool: PgPool) {
    let mails = SmtpCatcher::start().unwrap();
    let (address, got) = receiver().await;
    let (client, hands) = world(&pool, &mails, None).await;
    let server = client.active_server("one").await;
    let anna = client.member("anna@example.com", SystemRole::Admin).await;
    let session = callers::session(&pool, anna).await;
    let person = client.with_token(&callers::access_token(anna, session, chrono::TimeDelta::hours(1)));
    let bad = person
        .put(
            "/api/notifications/preferences",
            json!({"category": "alerts", "enabled": true, "quietStart": "22:00", "timezone": "Mars/Olympus"}),
        )
        .await;
    assert_eq!(bad.fields(), ["quietEnd", "timezone"]);
    let now = chrono::Utc::now();
    let time = |hours| {
        (now + chrono::TimeDelta::hours(hours))
            .format("%H:%M")
            .to_string()
    };
    person
        .put(
            "/api/notifications/preferences",
            json!({"category": "alerts", "enabled": true, "quietStart": time(-1), "quietEnd": time(2), "timezone": "UTC"}),
        )
        .await
        .ok(200);
    // A browser of hers, whose push service is the receiver.
    let vapid = person.get("/api/push/vapid-key").await.ok(200);
    assert_eq!(vapid["publicKey"].as_str().unwrap().len(), 87);
    let p256dh = "BCVxsr7N_eNgVRqvHtD0zTZsEc6-VV-JvLexhqUzORcxaOzi6-AYWXvTBHm4bjyPjs7Vd8pZGH6SRpkNtoIAiw4";
    let browser = json!({"endpoint": format!("{address}/push"), "keys": {"p256dh": p256dh, "auth": "BTBZMqHH6r4Tts7J_aSIgg"},
                         "deviceName": "laptop", "userAgent": "Firefox"});
    person.post("/api/push/subscribe", browser).await.ok(201);
    let browsers = person.get("/api/push/subscriptions").await;
    assert_eq!(browsers.ok(200)["data"][0]["deviceName"], "laptop");
    assert!(!browsers.text.contains("BTBZMqHH6r4Tts7J"), "{}", browsers.text);
    for channel in [
        json!({"name": "ops", "kind": "email", "to": ["anna@example.com", "ops@example.com"]}),
        json!({"name": "browsers", "kind": "webpush"}),
    ] {
        client.post("/api/notification-channels", channel).await.ok(201);
    }
    revive(&pool, server).await;
    client
        .post(
            "/api/monitoring/alerts/rules",
            json!({"name": "CPU soon", "metric": "cpuUsagePercent", "threshold": 50, "minutes": 5}),
        )
        .await
        .ok(201);
    samples(&pool, server, 6, 60.0).await;
    tick(&hands, &pool).await;
    let to: Vec<String> = mails.mails().unwrap().into_iter().map(|mail| mail.to).collect();
    assert_eq!(to, ["ops@example.com"]);
    assert!(got.lock().unwrap().is_empty());
    let pending = client
        .get("/api/notification-deliveries?state=pending")
        .await
        .ok(200);
    assert_eq!(pending["data"].as_array().unwrap().len(), 2, "{pending}");
    assert_eq!(pending["data"][0]["held"], true);

    // What is critical wakes her.
    kill(&pool, server).await;
    tick(&hands, &pool).await;
    let to: Vec<String> = mails.mails().unwrap().into_iter().map(|mail| mail.to).collect();
    assert_eq!(to.len(), 3, "{to:?}");
    assert!(to.contains(&"anna@example.com".to_owned()));
    let pushed = got.lock().unwrap().clone();
    assert_eq!(pushed.len(), 1);
    assert_eq!(pushed[0].0["content-encoding"], "aes128gcm");
    assert_eq!(pushed[0].0["urgency"], "high");

    let told = person.get("/api/notifications").await.ok(200);
    assert_eq!(told["data"].as_array().unwrap().len(), 2, "{told}");
    let id = told["data"][0]["id"].as_str().unwrap();
    let read = person
        .send(
            "PATCH",
            &format!("/api/notifications/{id}"),
            Some(&json!({"read": true})),
        )
        .await;
    assert_eq!(read.status, 204);
    let unread = person.get("/api/notifications?unread=true").await.ok(200);
    assert_eq!(unread["data"].as_array().unwrap().len(), 1);
}

/// While nobody watched nothing is known, and that is said.
#[sqlx::test(migrations = "../store/migrations")]
async fn time_in_which_nobody_watched_is_unknown(pool: PgPool) {
    let mails = SmtpCatcher::start().unwrap();
    let (client, hands) = world(&pool, &mails, None).await;
    let server = client.active_server("one").await;
    revive(&pool, server).await;
    alerts::evaluate(&hands).await.unwrap();
    // Up for two hours, then oCore was stopped for one.
    sql(
        &pool,
        "update availability set from_at = from_at - interval '3 hours';
         update availability_clock set at = now() - interval '1 hour'",
    )
    .await;
    alerts::evaluate(&hands).await.unwrap();
    let uptime = client.get("/api/servers/one/uptime").await.ok(200);
    let day = &uptime["periods"][0];
    let near = |field: &str, wanted: i64| (day[field].as_i64().unwrap() - wanted).abs() < 10;
    assert!(near("upSeconds", 7200) && near("downSeconds", 0), "{uptime}");
    assert!(near("unknownSeconds", 86_400 - 7200), "{uptime}");
    assert_eq!(day["uptimePercent"], 100.0);
}
