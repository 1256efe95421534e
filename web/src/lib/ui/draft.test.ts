import { expect, it } from 'vitest';
import { Draft } from './draft.svelte';

const blank = { name: '', slug: '' };

it('follows what is read until something is typed', () => {
  const draft = new Draft(blank);
  draft.see({ name: 'a', slug: 's' }, '1');
  draft.see({ name: 'b', slug: 's' }, '2');
  expect(draft.fields.name).toBe('b');
  draft.fields.name = 'mine';
  expect(draft.dirty).toBe(true);
  // Another part of the same thing changed: what is typed goes over the new revision.
  draft.see({ name: 'b', slug: 's' }, '3');
  expect([draft.fields.name, draft.etag]).toEqual(['mine', '3']);
  // The same part changed: the change must be refused, so the old tag stays.
  draft.see({ name: 'c', slug: 's' }, '4');
  expect([draft.fields.name, draft.etag]).toEqual(['mine', '3']);
});

it('settles a conflict either way', () => {
  const draft = new Draft(blank);
  draft.see({ name: 'a', slug: 's' }, '1');
  draft.fields.name = 'mine';
  draft.settle({ name: 'c', slug: 's' }, '4', true);
  expect([draft.fields.name, draft.etag, draft.dirty]).toEqual(['mine', '4', true]);
  draft.settle({ name: 'c', slug: 's' }, '4', false);
  expect([draft.fields.name, draft.dirty]).toEqual(['c', false]);
});
