// What the overview and the frame around every page say: all else is loaded with the first page that is neither.
import common from './common.json';
import operations from './operations.json';
import overview from './overview.json';

export default { common, operations, overview };
