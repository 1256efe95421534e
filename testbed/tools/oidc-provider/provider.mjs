// An OpenID Connect provider (the certified `oidc-provider`) with one client and with everybody as its user: whoever
// writes a name into its login form is that person. Some people's ID tokens are spoiled on their way out, each in one
// way and under a signature that is otherwise right; see `spoil`.
import { createServer } from 'node:http';
import { createRequire } from 'node:module';
import { pathToFileURL } from 'node:url';
import { listen, ready, settings } from '../settings.mjs';

const { modules, port, client, claimsInIdToken } = await settings();
const { default: Provider } = await import(pathToFileURL(`${modules}/node_modules/oidc-provider/lib/index.js`));
const jose = createRequire(`${modules}/`)('jose');

async function key(kid) {
  const { privateKey } = await jose.generateKeyPair('RS256', { extractable: true });
  return { ...(await jose.exportJWK(privateKey)), kid, alg: 'RS256', use: 'sig' };
}
// Another process of this provider has another key, as after a change of keys.
const ours = await key(`key-${process.pid}`);
const nobodys = await key('nobody-knows-this-key');

const server = createServer();
const issuer = `http://127.0.0.1:${await listen(server, port)}`;

const provider = new Provider(issuer, {
  clients: [
    {
      client_id: client.id,
      client_secret: client.secret,
      redirect_uris: [client.redirectUri],
      token_endpoint_auth_method: client.authentication,
    },
  ],
  ...(client.authentication === 'client_secret_post' && { clientAuthMethods: ['client_secret_post'] }),
  jwks: { keys: [ours] },
  claims: { openid: ['sub'], email: ['email', 'email_verified'], profile: ['name'] },
  conformIdTokenClaims: !claimsInIdToken,
  pkce: { required: () => true },
  cookies: { keys: ['ocore-testbed'] },
  findAccount: (context, id) => ({ accountId: id, claims: () => person(id) }),
});

function person(id) {
  const claims = {
    sub: id,
    name: `${id} of the testbed`,
    email: `${id}@example.com`,
    email_verified: id !== 'unverified',
  };
  if (id === 'without-email') {
    delete claims.email;
  }
  return claims;
}

async function spoil(token) {
  const claims = jose.decodeJwt(token);
  const sign = async (changed, by = ours) =>
    new jose.SignJWT({ ...claims, ...changed })
      .setProtectedHeader({ alg: 'RS256', kid: by.kid })
      .sign(await jose.importJWK(by, 'RS256'));
  switch (claims.sub) {
    case 'wrong-audience':
      return sign({ aud: 'somebody-else' });
    case 'wrong-issuer':
      return sign({ iss: 'https://elsewhere.example' });
    case 'expired':
      return sign({ iat: claims.iat - 7200, exp: claims.iat - 3600 });
    case 'wrong-access-token':
      return sign({ at_hash: 'AAAAAAAAAAAAAAAAAAAAAA' });
    case 'unknown-key':
      return sign({}, nobodys);
    case 'forged-key':
      return sign({}, { ...nobodys, kid: ours.kid });
    case 'unsigned':
      return new jose.UnsecuredJWT(claims).encode();
    case 'signed-by-secret':
      return new jose.SignJWT(claims)
        .setProtectedHeader({ alg: 'HS256' })
        .sign(new TextEncoder().encode(client.secret));
    default:
      return token;
  }
}

provider.use(async (context, next) => {
  await next();
  if (context.path === '/token' && context.body?.id_token) {
    context.body.id_token = await spoil(context.body.id_token);
  }
});

server.on('request', provider.callback());
ready(server.address().port);
