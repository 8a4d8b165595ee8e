import { HttpError, type PageProps } from "fresh";

export default function ErrorPage({ error }: PageProps) {
  const status = error instanceof HttpError ? error.status : 500;
  return <h1>{status} {status === 500 ? "fault" : (error as Error).message}</h1>;
}
