//! Scratch.
use ocore_domain::instance::*;
use ocore_domain::server::AuthMethod;
use ocore_domain::*;
use ocore_operations::*;
use ocore_store::*;
use std::{sync::Arc, time::Duration};
#[tokio::main]
async fn main() {
    let url = std::env::var("SMOKE_URL").unwrap();
    let sealer = Sealer::new(&"k".repeat(32).into(), &[]);
    let store = Store::connect(&url.into(), 2..=20, sealer).await.unwrap();
    migrate(store.pool()).await.unwrap();
    let notifications = notifications::Notifications::listen(store.pool().clone());
    let hands = Hands::new(store.clone(), notifications);
    let runtime = Runtime::start(
        hands.clone(),
        RuntimeConfig {
            workers: 8,
            per_server: 4,
            health_interval: Duration::from_secs(5),
            faults: Arc::new(faults::NoFaults),
        },
    )
    .await
    .unwrap();
    let remote = std::env::var("SMOKE_HOST").ok();
    let mut tx = store.begin().await.unwrap();
    let sid = servers::insert(
        &mut tx,
        store.sealer(),
        &servers::NewServer {
            organization_id: OrganizationId::DEFAULT,
            name: "this".into(),
            description: String::new(),
            host: remote.clone().unwrap_or("localhost".into()),
            port: 22,
            ssh_user: "root".into(),
            auth_method: if remote.is_some() {
                AuthMethod::Key
            } else {
                AuthMethod::Local
            },
            credentials: servers::Credentials {
                private_key: std::env::var("SMOKE_KEY")
                    .ok()
                    .map(|p| std::fs::read_to_string(p).unwrap().into()),
                ..Default::default()
            },
            max_ssh_sessions: 8,
            postgres_password: "pgpgpgpgpg".into(),
        },
    )
    .await
    .unwrap();
    let server = servers::get(&mut tx, sid).await.unwrap().unwrap();
    let op = server_validate::request(&mut tx, &server, &server_validate::Params::default())
        .await
        .unwrap();
    tx.commit().await.unwrap();
    wait(&store, op).await;
    let mut last = None;
    for name in ["one", "two"] {
        let mut tx = store.begin().await.unwrap();
        let iid = instances::insert(
            &mut tx,
            store.sealer(),
            &instances::NewInstance {
                organization_id: OrganizationId::DEFAULT,
                server_id: sid,
                name: name.into(),
                slug: name
                    .parse::<Slug>()
                    .unwrap()
                    .to_string()
                    .replace("one", "one-a")
                    .parse()
                    .unwrap(),
                odoo_version: "19.0".into(),
                odoo_edition: Edition::Community,
                environment_type: EnvironmentType::Development,
                settings: Settings::new("odoo:19".into(), 0, 1 << 30),
                secrets: instances::Secrets {
                    environment: Default::default(),
                    database_password: "dbpassword123".into(),
                    master_password: "masterpassword".into(),
                    admin_password: Some("adminpassword".into()),
                },
            },
        )
        .await
        .unwrap();
        let i = instances::get(&mut tx, iid).await.unwrap().unwrap();
        let op = instance_create::request(&mut tx, &i, &instance_create::Params::default())
            .await
            .unwrap();
        tx.commit().await.unwrap();
        wait(&store, op).await;
        last = Some(iid);
    }
    tokio::time::sleep(Duration::from_secs(8)).await;
    let mut c = store.connection().await.unwrap();
    let i = instances::get(&mut c, last.unwrap()).await.unwrap().unwrap();
    println!("{i:?}");
    for i in instances::on_server(&mut c, sid).await.unwrap() {
        let mut tx = store.begin().await.unwrap();
        let op = instance_delete::request(&mut tx, &i, &instance_delete::Params { keep_dump: true })
            .await
            .unwrap();
        tx.commit().await.unwrap();
        wait(&store, op).await;
    }
    let mut tx = store.begin().await.unwrap();
    let server = servers::get(&mut tx, sid).await.unwrap().unwrap();
    let op = server_remove::request(&mut tx, &server, &server_remove::Params { force: false })
        .await
        .unwrap();
    tx.commit().await.unwrap();
    wait(&store, op).await;
    runtime.shutdown(Duration::from_secs(10)).await;
}
async fn wait(store: &Store, id: OperationId) {
    let t = std::time::Instant::now();
    let mut seq = 0;
    loop {
        let mut c = store.connection().await.unwrap();
        for e in operations::events_after(&mut c, id, seq, 100).await.unwrap() {
            seq = e.seq;
            println!("  [{:?}] {} {}", e.level, e.step.unwrap_or_default(), e.line);
        }
        let o = operations::get(&mut c, id).await.unwrap().unwrap();
        if o.state.is_final() {
            println!(
                "== {} {} {:?} in {:?}",
                o.kind,
                o.state,
                o.error.map(|e| e.0),
                t.elapsed()
            );
            for s in operations::steps_of(&mut c, id).await.unwrap() {
                println!(
                    "   {} {} {:?}",
                    s.name,
                    s.state,
                    s.finished_at
                        .zip(s.started_at)
                        .map(|(a, b)| (a - b).num_milliseconds())
                );
            }
            return;
        }
        drop(c);
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
}
