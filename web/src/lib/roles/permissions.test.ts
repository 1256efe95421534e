import { expect, it } from 'vitest';
import { levelOf, withLevel } from './permissions';

it('reads and sets levels', () => {
  const may = withLevel(['view:servers', 'manage:servers', 'view:instances'], 'servers', 'view');
  expect(may).toEqual(['view:instances', 'view:servers']);
  expect(levelOf(may, 'servers')).toBe('view');
  expect(levelOf(['view:servers', 'manage:servers'], 'servers')).toBe('manage');
  expect(levelOf(withLevel(may, 'servers', 'none'), 'servers')).toBe('none');
});
