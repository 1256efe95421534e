/** Which operation a server's page shows at its top; whatever on the page begins one says so. */

import { createContext } from 'svelte';

export const [shownOperation, setShownOperation] = createContext<(operationId: string) => void>();
