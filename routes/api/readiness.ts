/** Whether the process is ready, in as many words as the client may read. */
import type { Services, Status } from "../../runtime/ports/services.ts";
import { Problem } from "./problem.ts";
import type { Asked } from "./route.ts";

/** `GET /readyz` */
export async function readiness(services: Services, { mayRead }: Asked) {
  const { ready, problems } = await services.status();
  const shown = mayRead ? [...problems] : problems.map(withoutMessage);
  if (ready) return { ready, problems: shown };
  const blocking = problems.filter((problem) => problem.blocking);
  const words = mayRead
    ? blocking.map(({ message }) => message).join("; ")
    : blocking.map(({ code, subject }) => `${code}: ${subject}`).join("; ");
  throw new Problem("not-ready", words || "The process is still starting", {
    headers: { "retry-after": "1" },
    members: { problems: shown },
  });
}

/** Messages name paths, addresses and statements of this deployment. */
const withoutMessage = ({ message: _, ...rest }: Status["problems"][number]) => rest;
