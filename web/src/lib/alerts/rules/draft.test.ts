import { describe, expect, it } from 'vitest';
import { figure, newDraft, toCreate, toUpdate } from './draft.ts';

describe('a rule that is written', () => {
  it('takes numbers with a comma, and nothing that is none', () => {
    expect(figure(' 92,5 ')).toBe(92.5);
    expect(figure('')).toBeUndefined();
    expect(figure('many')).toBeUndefined();
  });

  it('clears at its threshold when nothing else is said', () => {
    expect(toCreate({ ...newDraft(), threshold: '70', clearThreshold: '' }).clearThreshold).toBe(70);
  });

  it('sends no threshold with a state, which the API refuses', () => {
    const sent = toCreate({ ...newDraft(), metric: 'instanceDown' });
    expect(sent).not.toHaveProperty('threshold');
    expect(sent).not.toHaveProperty('operator');
    expect(sent).not.toHaveProperty('clearThreshold');
  });

  it('limits a rule of servers by servers only, and sends null for all', () => {
    const draft = { ...newDraft(), serverIds: [], instanceIds: ['i'] };
    expect(toUpdate(draft)).toMatchObject({ serverIds: null, instanceIds: null });
    expect(toUpdate({ ...draft, metric: 'instanceCpuPercent' }).instanceIds).toEqual(['i']);
  });
});
