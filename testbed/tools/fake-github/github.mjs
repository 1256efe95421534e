// A stand-in for GitHub, which cannot be had here: what its documentation says of the four routes that a login uses, and
// nothing else. Whoever is named by `login` in the authorization's address has agreed, but for `nobody`, who has not.
import { createHash, randomBytes } from 'node:crypto';
import { createServer } from 'node:http';
import { listen, ready, settings } from '../settings.mjs';

const { client } = await settings();
const codes = new Map();
const tokens = new Map();
const random = () => randomBytes(20).toString('hex');

const people = {
  octocat: { id: 583231, name: 'The Octocat', verified: true },
  nameless: { id: 7, name: null, verified: true },
  unverified: { id: 8, name: 'Unverified', verified: false },
};

function authorize({ searchParams: query }) {
  const back = new URL(query.get('redirect_uri'));
  back.searchParams.set('state', query.get('state'));
  if (query.get('client_id') !== client.id || back.href.split('?')[0] !== client.redirectUri) {
    return { status: 404, body: 'Not Found' };
  }
  if (query.get('login') === 'nobody') {
    back.searchParams.set('error', 'access_denied');
    back.searchParams.set('error_description', 'The user has denied your application access.');
  } else {
    const code = random();
    codes.set(code, {
      login: query.get('login'),
      scopes: query.get('scope').split(' '),
      redirect: query.get('redirect_uri'),
      challenge: query.get('code_challenge'),
    });
    back.searchParams.set('code', code);
  }
  return { status: 302, headers: { location: back.href } };
}

// Faults come with status 200, as GitHub's do.
function accessToken(form) {
  const fault = (error) => ({ status: 200, body: { error, error_description: 'See the documentation.' } });
  if (form.get('client_id') !== client.id || form.get('client_secret') !== client.secret) {
    return fault('incorrect_client_credentials');
  }
  const code = codes.get(form.get('code'));
  codes.delete(form.get('code'));
  const challenge = createHash('sha256').update(form.get('code_verifier') ?? '').digest('base64url');
  if (!code || code.challenge !== challenge) {
    return fault('bad_verification_code');
  }
  if (code.redirect !== form.get('redirect_uri')) {
    return fault('redirect_uri_mismatch');
  }
  const token = `gho_${random()}`;
  tokens.set(token, code);
  return { status: 200, body: { access_token: token, scope: code.scopes.join(','), token_type: 'bearer' } };
}

function api(request, path) {
  if (!request.headers['user-agent']) {
    return { status: 403, body: 'Request forbidden by administrative rules.' };
  }
  const bearer = tokens.get(request.headers.authorization?.replace('Bearer ', ''));
  if (!bearer) {
    return { status: 401, body: { message: 'Bad credentials' } };
  }
  const { login, scopes } = bearer;
  const { id, name, verified } = people[login];
  if (path === '/user') {
    return { status: 200, body: { login, id, name, email: null } };
  }
  if (!scopes.includes('user:email')) {
    return { status: 404, body: { message: 'Not Found' } };
  }
  const email = (address, primary) => ({ email: address, primary, verified, visibility: null });
  return {
    status: 200,
    body: [email(`${login}@old.example`, false), email(`${login}@example.com`, true)],
  };
}

async function answer(request) {
  const url = new URL(request.url, 'http://127.0.0.1');
  switch (`${request.method} ${url.pathname}`) {
    case 'GET /login/oauth/authorize':
      return authorize(url);
    case 'POST /login/oauth/access_token': {
      const parts = [];
      for await (const part of request) parts.push(part);
      return accessToken(new URLSearchParams(Buffer.concat(parts).toString()));
    }
    case 'GET /user':
    case 'GET /user/emails':
      return api(request, url.pathname);
    default:
      return { status: 404, body: { message: 'Not Found' } };
  }
}

const server = createServer(async (request, response) => {
  const { status, headers, body } = await answer(request);
  response.writeHead(status, { 'content-type': 'application/json; charset=utf-8', ...headers });
  response.end(body === undefined ? '' : JSON.stringify(body));
});
ready(await listen(server, 0));
