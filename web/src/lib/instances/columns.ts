/** The columns of the list: which there are at which width. All rows stand on the same grid. */

import type { Column } from './filter';

/** The height of a row in pixels; the same for all, so that none has to be measured. */
export const HEIGHT = 56;

/** Where a column is left out. */
export const HIDDEN: Record<Column, string> = {
  name: '',
  status: '',
  health: 'max-md:hidden',
  server: 'max-md:hidden',
  version: 'max-md:hidden',
  environment: 'max-xl:hidden',
  group: 'max-2xl:hidden',
  observed: 'max-xl:hidden',
};

export const GRID =
  'grid items-center grid-cols-[minmax(0,1fr)_8rem] ' +
  'md:grid-cols-[minmax(9rem,2fr)_8rem_7.5rem_minmax(6rem,1fr)_5.5rem] ' +
  'xl:grid-cols-[minmax(10rem,2fr)_8rem_7.5rem_minmax(7rem,1fr)_5.5rem_8rem_8.5rem] ' +
  '2xl:grid-cols-[minmax(10rem,2fr)_8rem_7.5rem_minmax(7rem,1fr)_5.5rem_8rem_minmax(5rem,0.7fr)_8.5rem]';
/** The same with a box to select by. */
export const GRID_SELECT =
  'grid items-center grid-cols-[2.5rem_minmax(0,1fr)_8rem] ' +
  'md:grid-cols-[2.5rem_minmax(9rem,2fr)_8rem_7.5rem_minmax(6rem,1fr)_5.5rem] ' +
  'xl:grid-cols-[2.5rem_minmax(10rem,2fr)_8rem_7.5rem_minmax(7rem,1fr)_5.5rem_8rem_8.5rem] ' +
  '2xl:grid-cols-[2.5rem_minmax(10rem,2fr)_8rem_7.5rem_minmax(7rem,1fr)_5.5rem_8rem_minmax(5rem,0.7fr)_8.5rem]';
