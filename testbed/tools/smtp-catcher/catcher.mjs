// An SMTP server that keeps what it is sent, one JSON object a line. A mail is written down before the server says that
// it took it. Some mailboxes behave as mailboxes do:
//   refused@…       there is no such mailbox
//   spam@…          the mail is refused, and the answer repeats the links in it, as spam filters do
//   silent@…        the server never answers once the mail's text is sent
import { appendFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { ready, settings } from '../settings.mjs';

const { modules, mails, security, certificate, key, login } = await settings();
const require = createRequire(`${modules}/`);
const { SMTPServer } = require('smtp-server');
const { simpleParser } = require('mailparser');

const mailbox = (address) => address.address.split('@')[0];
const refusal = (code, text) => Object.assign(new Error(text), { responseCode: code });
const parsing = { skipHtmlToText: true, skipTextToHtml: true, skipTextLinks: true };

const server = new SMTPServer({
  name: 'catcher.example',
  secure: security === 'tls',
  ...(security === 'off' ? {} : { cert: certificate, key }),
  disabledCommands: [...(security === 'starttls' ? [] : ['STARTTLS']), ...(login ? [] : ['AUTH'])],
  authOptional: !login,
  allowInsecureAuth: true,
  disableReverseLookup: true,
  closeTimeout: 100,
  onAuth(given, session, done) {
    if (given.username === login.user && given.password === login.password) {
      return done(null, { user: login.user });
    }
    // It repeats what it was given, as no server should: what is told of it must not.
    done(refusal(535, `5.7.8 ${given.password} is not the password of ${given.username}`));
  },
  onRcptTo(address, session, done) {
    done(mailbox(address) === 'refused' ? refusal(550, '5.1.1 There is no such mailbox') : null);
  },
  async onData(stream, session, done) {
    const { mailFrom, rcptTo } = session.envelope;
    const mail = await simpleParser(stream, parsing);
    switch (mailbox(rcptTo[0])) {
      case 'silent':
        return;
      case 'spam':
        return done(refusal(554, `5.7.1 Blocked: ${mail.text.match(/https?:\S+/g)?.join(' ')}`));
    }
    const headers = Object.fromEntries(mail.headerLines.map(({ key, line }) => [key, line]));
    const kept = {
      from: mailFrom.address,
      to: rcptTo[0].address,
      subject: mail.subject ?? '',
      text: mail.text ?? '',
      html: mail.html || '',
      user: session.user ?? null,
      encrypted: session.secure,
      session: session.id,
      headers,
    };
    appendFileSync(mails, `${JSON.stringify(kept)}\n`);
    done();
  },
});
// A client that goes away in the middle of a sentence is what some tests are about.
server.on('error', (error) => console.error(`${error}`));
await new Promise((listening) => server.listen(0, '127.0.0.1', listening));
ready(server.server.address().port);
