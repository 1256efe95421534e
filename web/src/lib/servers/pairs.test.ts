import { expect, test } from 'vitest';
import { labelsIn, labelText, taintsIn, taintText } from './pairs';

test('labels come back as they were typed', () => {
  const { labels, without } = labelsIn(' disk = nvme \n\nzone=a=b, tier=1');
  expect(labels).toEqual({ disk: 'nvme', zone: 'a=b', tier: '1' });
  expect(without).toBeUndefined();
  expect(labelsIn(labelText(labels)).labels).toEqual(labels);
});

test('a label without a value is named', () => {
  expect(labelsIn('disk=nvme\ngpu').without).toBe('gpu');
});

test('taints may have no value', () => {
  const taints = taintsIn('gpu\nteam=red');
  expect(taints).toEqual([{ key: 'gpu' }, { key: 'team', value: 'red' }]);
  expect(taintsIn(taintText(taints))).toEqual(taints);
  expect(taintsIn(' \n ')).toEqual([]);
});
