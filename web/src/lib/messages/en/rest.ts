import access from './access.json';
import account from './account.json';
import admin from './admin.json';
import alerts from './alerts.json';
import instances from './instances.json';
import servers from './servers.json';
import start from './start.json';

export default { access, account, admin, alerts, instances, servers, start };
