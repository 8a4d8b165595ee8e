/**
 * kafkajs 2.2.4 asks for a timer in the past whenever nothing is to be checked later, about which
 * the runtime warns on the terminal.
 */
import RequestQueue from "kafkajs/src/network/requestQueue/index.js";

interface Queue {
  readonly pending: readonly unknown[];
  scheduleCheckPendingRequests(): void;
}

const queue: Queue = RequestQueue.prototype;
const schedule = queue.scheduleCheckPendingRequests;

queue.scheduleCheckPendingRequests = function (this: Queue): void {
  if (this.pending.length > 0) schedule.call(this);
};
