/** What went wrong, as the API tells it (RFC 9457). */

import type { Field, ProblemDetails } from './schema';

/** A problem: its code, what is wrong, and what to do. */
export class Fault extends Error {
  constructor(
    readonly status: number,
    readonly code: string,
    readonly detail: string,
    readonly mend = '',
    readonly fields: Field[] = [],
    /** Under which id oCore's log tells more. */
    readonly requestId?: string,
    /** The operation that stands in the way. */
    readonly operationId?: string,
  ) {
    super(detail);
    this.name = 'Fault';
  }

  /** What an answer says. */
  static async of(answer: Response): Promise<Fault> {
    const told: Partial<ProblemDetails> = await answer.json().catch(() => ({}));
    return new Fault(
      answer.status,
      told.code ?? `http.${answer.status}`,
      told.detail ?? told.title ?? answer.statusText,
      told.mend,
      told.fields,
      told.requestId ?? answer.headers.get('x-request-id') ?? undefined,
      told.operationId ?? undefined,
    );
  }

  /** oCore cannot be asked now. */
  static unreachable(): Fault {
    return new Fault(0, 'unreachable', 'oCore does not answer');
  }

  /** Anything that was thrown, as a fault. */
  static from(error: unknown): Fault {
    return error instanceof Fault ? error : new Fault(0, 'internal', String(error));
  }

  /** What is wrong with a field. */
  of(field: string): string | undefined {
    return this.fields.find((fault) => fault.field === field)?.detail;
  }
}
