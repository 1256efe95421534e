import { describe, expect, it } from 'vitest';
import { addresses, draftOf, toCreate, toUpdate } from './draft.ts';

describe('a channel that is written', () => {
  it('takes addresses by line or comma', () => {
    expect(addresses(' a@x.example, b@x.example\n\nc@x.example ;')).toEqual([
      'a@x.example',
      'b@x.example',
      'c@x.example',
    ]);
  });

  it('sends only what goes with its kind', () => {
    const draft = {
      ...draftOf(),
      name: 'n',
      url: 'https://x.example',
      to: 'a@x.example',
      secret: 's',
      chatId: '1',
    };
    expect(Object.keys(toCreate({ ...draft, kind: 'email' })).sort()).toEqual(
      ['enabled', 'kind', 'minSeverity', 'name', 'to'].sort(),
    );
    expect(toCreate({ ...draft, kind: 'slack' })).toMatchObject({ webhookUrl: 's' });
    expect(toCreate({ ...draft, kind: 'telegram' })).toMatchObject({ token: 's', chatId: '1' });
    expect(toCreate({ ...draft, kind: 'webpush' })).not.toHaveProperty('secret');
  });

  it('leaves a secret as it is when none is typed', () => {
    expect(toUpdate({ ...draftOf(), kind: 'webhook', url: 'https://x.example' }).secret).toBeUndefined();
  });
});
