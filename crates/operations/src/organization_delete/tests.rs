//! Deleting an organization, with workers and a database that are real. What is done on servers is not: that is tested by
//! itself, where there are servers.

use std::{sync::Arc, time::Duration};

use ocore_domain::{
    Code, InstanceId, OrganizationId, ServerId, UserId,
    instance::{Edition, EnvironmentType, InstanceStatus, Settings, Transition},
    operation::{OperationState, StepState},
    server::{AuthMethod, ServerStatus},
};
use ocore_store::{
    Sealer, Store,
    instances::{self, NewInstance, Secrets},
    notifications::Notifications,
    servers::{self, Credentials, NewServer},
};
use sqlx::PgPool;
use tokio::time::{Instant, sleep};
use tokio_util::sync::CancellationToken;

use super::*;
use crate::{
    Hands,
    engine::Limits,
    faults::NoFaults,
    worker::{self, Bounds, Worker},
};

/// The same kind as the real one, of which this operation knows nothing else.
static INSTANCE_DELETE: Definition = Definition {
    kind: "instance_delete",
    steps: &[step!(take_away_instance, "Take away", secs(30), irreversible)],
    settle: Settle::Instance(Transition::Gone),
    secrets: None,
};

static SERVER_REMOVE: Definition = Definition {
    kind: "server_remove",
    steps: &[step!(nothing, "Nothing", secs(30), irreversible)],
    settle: Settle::Server(ServerStatus::Removed),
    secrets: None,
};

/// What somebody began before: it would last for ever.
static INSTANCE_UPDATE: Definition = Definition {
    kind: "instance_update",
    steps: &[step!(last_for_ever, "Last for ever", secs(600))],
    settle: Settle::Instance(Transition::Up),
    secrets: None,
};

static ALL: &[&Definition] = &[&DEFINITION, &INSTANCE_DELETE, &INSTANCE_UPDATE, &SERVER_REMOVE];

/// One that is called `stubborn` does not go; one called `slow` takes its time.
async fn take_away_instance(ctx: &Ctx) -> Result<(), Problem> {
    let instance = ctx.instance().await?;
    match instance.name.as_str() {
        "stubborn" => Err(Problem::new(
            Code::CommandFailed,
            "it does not go",
            "Call it otherwise.",
        )),
        "slow" => {
            sleep(Duration::from_secs(3)).await;
            Ok(())
        }
        _ => Ok(()),
    }
}

async fn nothing(_: &Ctx) -> Result<(), Problem> {
    Ok(())
}

async fn last_for_ever(_: &Ctx) -> Result<(), Problem> {
    std::future::pending().await
}

struct World {
    hands: Hands,
    pool: PgPool,
    organization: Organization,
    stopping: CancellationToken,
}

impl World {
    async fn new(pool: PgPool) -> Self {
        let store = Store::new(pool.clone(), Sealer::new(&"k".repeat(32).into(), &[]));
        let owner = UserId::new();
        sqlx::query("insert into users (id, email, name) values ($1, 'o@acme.example', 'o')")
            .bind(owner.uuid())
            .execute(&pool)
            .await
            .unwrap();
        let mut conn = store.connection().await.unwrap();
        let organization = organizations::create(&mut conn, "Acme", None, owner)
            .await
            .unwrap();
        drop(conn);
        Self {
            hands: Hands::new(store, Notifications::listen(pool.clone())),
            pool,
            organization,
            stopping: CancellationToken::new(),
        }
    }

    /// A worker that does so many things at once.
    async fn worker(&self, concurrency: usize) -> Arc<Worker> {
        let config = worker::Config {
            definitions: ALL,
            concurrency,
            bounds: Bounds {
                per_server: 4,
                ..Bounds::default()
            },
            faults: Arc::new(NoFaults),
            limits: Limits {
                patience: secs(2),
                undo_patience: secs(2),
            },
        };
        let worker = Worker::start(self.hands.clone(), config, self.stopping.clone()).await;
        worker.unwrap()
    }

    /// Stops a worker, which would hold connections that the test's end waits for.
    async fn stop(&self, worker: &Worker) {
        self.stopping.cancel();
        worker.stopped().await;
    }

    async fn server(&self, name: &str) -> ServerId {
        let server = NewServer {
            organization_id: self.organization.id,
            name: name.to_owned(),
            description: String::new(),
            host: "192.0.2.1".to_owned(),
            port: 22,
            ssh_user: "root".to_owned(),
            auth_method: AuthMethod::Password,
            credentials: Credentials::default(),
            max_ssh_sessions: 8,
            postgres_password: "p".to_owned().into(),
        };
        let store = self.hands.store();
        let mut conn = store.connection().await.unwrap();
        servers::insert(&mut conn, store.sealer(), &server).await.unwrap()
    }

    async fn try_instance(&self, server: ServerId, name: &str) -> Result<InstanceId, ocore_store::Error> {
        let new = NewInstance {
            organization_id: self.organization.id,
            server_id: server,
            name: name.to_owned(),
            slug: name.parse().unwrap(),
            odoo_version: "19.0".to_owned(),
            odoo_edition: Edition::Community,
            environment_type: EnvironmentType::Production,
            settings: Settings::new("odoo:19".to_owned(), 0, 1 << 30),
            secrets: Secrets {
                environment: std::collections::BTreeMap::new(),
                database_password: "p".to_owned().into(),
                master_password: "p".to_owned().into(),
                admin_password: None,
            },
            placement_group: None,
            anti_affinity: false,
            disk_bytes: 1 << 30,
        };
        let store = self.hands.store();
        let mut conn = store.connection().await?;
        let id = instances::insert(&mut conn, store.sealer(), &new).await?;
        instances::transition(&mut conn, id, Transition::Up, None).await?;
        Ok(id)
    }

    async fn instance(&self, server: ServerId, name: &str) -> InstanceId {
        self.try_instance(server, name).await.unwrap()
    }

    async fn delete(&self) -> OperationId {
        let params = Params {
            keep_dump: false,
            record: Entry {
                action: "org.deleted".to_owned(),
                actor_type: "user".to_owned(),
                user_name: "Ada".to_owned(),
                ..Entry::default()
            },
        };
        let mut tx = self.hands.store().begin().await.unwrap();
        let id = request(&mut tx, &self.organization, &params).await.unwrap();
        tx.commit().await.unwrap();
        id
    }

    async fn seen(&self, id: OperationId) -> Operation {
        let mut conn = self.hands.store().connection().await.unwrap();
        operations::get(&mut conn, id).await.unwrap().unwrap()
    }

    async fn ended(&self, id: OperationId) -> Operation {
        let began = Instant::now();
        loop {
            let seen = self.seen(id).await;
            if seen.state.is_final() {
                return seen;
            }
            assert!(began.elapsed() < secs(60), "{seen:?}");
            sleep(Duration::from_millis(50)).await;
        }
    }

    async fn is_there(&self) -> bool {
        let mut conn = self.hands.store().connection().await.unwrap();
        organizations::get(&mut conn, self.organization.id)
            .await
            .unwrap()
            .is_some()
    }

    /// The names of instances and servers that are not gone.
    async fn left(&self) -> Vec<String> {
        sqlx::query_scalar(
            "select name from instances where status <> 'removed'
             union all select name from servers where status <> 'removed' order by name",
        )
        .fetch_all(&self.pool)
        .await
        .unwrap()
    }

    async fn recorded(&self) -> Vec<(String, String)> {
        sqlx::query_as("select action, entry ->> 'userName' from audit_log where organization_id = $1")
            .bind(self.organization.id.uuid())
            .fetch_all(&self.pool)
            .await
            .unwrap()
    }
}

#[sqlx::test(migrations = "../store/migrations")]
async fn everything_goes_and_the_organization_last(pool: PgPool) {
    let world = World::new(pool).await;
    let (one, two) = (world.server("one").await, world.server("two").await);
    for (server, name) in [(one, "aaa"), (one, "bbb"), (two, "ccc")] {
        world.instance(server, name).await;
    }
    // Of another organization, nothing goes.
    sqlx::query(
        "insert into servers (id, organization_id, name, host, port, ssh_user, auth_method, postgres_password_sealed,
             max_ssh_sessions, status)
         values (gen_random_uuid(), $1, 'beside', 'h', 22, 'root', 'local', '', 8, 'active')",
    )
    .bind(OrganizationId::DEFAULT.uuid())
    .execute(&world.pool)
    .await
    .unwrap();
    let id = world.delete().await;
    // From now on nothing new is made there.
    for refused in [
        world.try_instance(one, "late").await.unwrap_err(),
        sqlx::query("insert into roles (id, organization_id, name, permissions) values (gen_random_uuid(), $1, 'x', '{}')")
            .bind(world.organization.id.uuid())
            .execute(&world.pool)
            .await
            .unwrap_err()
            .into(),
    ] {
        let problem = Problem::from(refused);
        assert_eq!(problem.code, Code::OperationInProgress, "{problem}");
    }
    let worker = world.worker(1).await;
    let ended = world.ended(id).await;
    assert_eq!(ended.state, OperationState::Done, "{ended:?}");
    assert!(!world.is_there().await);
    assert_eq!(world.left().await, ["beside"]);
    assert_eq!(
        world.recorded().await,
        [("org.deleted".to_owned(), "Ada".to_owned())]
    );
    let mut conn = world.hands.store().connection().await.unwrap();
    for (kind, count) in [("instance_delete", 3), ("server_remove", 2)] {
        assert_eq!(operations::parts_done(&mut conn, id, kind).await.unwrap(), count);
    }
    world.stop(&worker).await;
}

#[sqlx::test(migrations = "../store/migrations")]
async fn what_does_not_go_is_told_and_the_rest_stays_gone(pool: PgPool) {
    let world = World::new(pool).await;
    let one = world.server("one").await;
    world.instance(one, "goes").await;
    let stubborn = world.instance(one, "stubborn").await;
    let id = world.delete().await;
    let worker = world.worker(1).await;
    let ended = world.ended(id).await;
    let error = ended.error.unwrap();
    assert_eq!((ended.state, error.code), (OperationState::Failed, Code::InUse));
    for told in [
        "1 instance is gone",
        "1 instance could not",
        "`stubborn`",
        "it does not go",
    ] {
        assert!(error.detail.contains(told), "{told}: {}", error.detail);
    }
    assert!(world.is_there().await && world.recorded().await.is_empty());
    assert_eq!(world.left().await, ["one", "stubborn"]);
    let mut conn = world.hands.store().connection().await.unwrap();
    let row = instances::get(&mut conn, stubborn).await.unwrap().unwrap();
    assert_eq!(row.status, InstanceStatus::Failed);
    let steps = operations::steps_of(&mut conn, id).await.unwrap();
    let states: Vec<StepState> = steps.iter().map(|step| step.state).collect();
    let wanted = [
        StepState::Done,
        StepState::Failed,
        StepState::Pending,
        StepState::Pending,
    ];
    assert_eq!(states, wanted);
    // It takes what is new again.
    world.instance(one, "new").await;

    // Mended, the same is done again, and comes to its end.
    sqlx::query("update instances set name = 'mended' where name = 'stubborn'")
        .execute(&world.pool)
        .await
        .unwrap();
    let operation = world.seen(id).await;
    let mut tx = world.hands.store().begin().await.unwrap();
    let again = command::retry(&mut tx, &operation).await.unwrap();
    tx.commit().await.unwrap();
    assert_eq!(world.ended(again).await.state, OperationState::Done);
    assert!(world.left().await.is_empty() && !world.is_there().await);
    assert_eq!(world.recorded().await.len(), 1);
    world.stop(&worker).await;
}

#[sqlx::test(migrations = "../store/migrations")]
async fn what_is_at_work_is_stopped_first_and_it_can_be_called_off_until_then(pool: PgPool) {
    let world = World::new(pool).await;
    let one = world.server("one").await;
    let busy = world.instance(one, "busy").await;
    // It does not wait for what it stops.
    let worker = world.worker(2).await;
    let mut conn = world.hands.store().connection().await.unwrap();
    let row = instances::get(&mut conn, busy).await.unwrap().unwrap();
    let params = serde_json::json!({"before": "running"});
    let update = command::begin(&mut conn, &INSTANCE_UPDATE, &row, Transition::Update, params)
        .await
        .unwrap();
    while world.seen(update).await.state != OperationState::Running {
        sleep(Duration::from_millis(20)).await;
    }
    // Twice at once it is not done.
    let id = world.delete().await;
    let mut tx = world.hands.store().begin().await.unwrap();
    let params = serde_json::from_value(world.seen(id).await.params).unwrap();
    let twice = request(&mut tx, &world.organization, &params).await.unwrap_err();
    assert_eq!(twice.code, Code::OperationInProgress);
    drop(tx);
    assert_eq!(world.ended(update).await.state, OperationState::Cancelled);
    assert_eq!(world.ended(id).await.state, OperationState::Done);

    // One that no worker has taken up yet is called off, and the organization is as it was.
    let world = World {
        organization: {
            let owner = UserId::new();
            sqlx::query("insert into users (id, email, name) values ($1, 'b@acme.example', 'b')")
                .bind(owner.uuid())
                .execute(&world.pool)
                .await
                .unwrap();
            organizations::create(&mut conn, "Beta", None, owner)
                .await
                .unwrap()
        },
        ..world
    };
    world.stop(&worker).await;
    let id = world.delete().await;
    let operation = world.seen(id).await;
    let mut tx = world.hands.store().begin().await.unwrap();
    command::cancel(&mut tx, &operation).await.unwrap();
    tx.commit().await.unwrap();
    assert_eq!(world.seen(id).await.state, OperationState::Cancelled);
    let row = organizations::get(&mut conn, world.organization.id)
        .await
        .unwrap();
    assert_eq!(row.unwrap().deletion_operation_id, None);
    world.server("new").await;
}

#[sqlx::test(migrations = "../store/migrations")]
async fn a_worker_that_is_lost_is_followed_by_another(pool: PgPool) {
    let world = World::new(pool).await;
    let one = world.server("one").await;
    for name in ["aaa", "slow", "zzz"] {
        world.instance(one, name).await;
    }
    let id = world.delete().await;
    let lost = world.worker(1).await;
    let running = "select count(*) from operations where kind = 'instance_delete' and state = 'running'";
    loop {
        let count: i64 = sqlx::query_scalar(running).fetch_one(&world.pool).await.unwrap();
        let slow: bool = sqlx::query_scalar(
            "select exists (select from operations where subject_name = 'slow' and state = 'running')",
        )
        .fetch_one(&world.pool)
        .await
        .unwrap();
        if count > 0 && slow {
            break;
        }
        sleep(Duration::from_millis(10)).await;
    }
    // As when its process is killed: nothing that it still writes counts, and all it held is to be had.
    let mut conn = world.hands.store().connection().await.unwrap();
    sqlx::query("delete from workers")
        .execute(&world.pool)
        .await
        .unwrap();
    operations::rescue(&mut conn, secs(15)).await.unwrap();
    sqlx::query("update operations set claim_token = gen_random_uuid() where finished_at is null")
        .execute(&world.pool)
        .await
        .unwrap();
    let next = world.worker(1).await;
    let ended = world.ended(id).await;
    assert_eq!(ended.state, OperationState::Done, "{ended:?}");
    assert!(ended.attempt > 1, "it was taken over");
    assert!(world.left().await.is_empty() && !world.is_there().await);
    // None was begun twice.
    assert_eq!(
        operations::parts_done(&mut conn, id, "instance_delete")
            .await
            .unwrap(),
        3
    );
    let begun: i64 = sqlx::query_scalar("select count(*) from operations where part_of = $1")
        .bind(id.uuid())
        .fetch_one(&world.pool)
        .await
        .unwrap();
    assert_eq!(begun, 4);
    world.stop(&lost).await;
    world.stop(&next).await;
}
