import type { PageProps } from "fresh";

export default ({ Component, url }: PageProps) => (
  <article data-at={url.pathname}>
    <Component />
  </article>
);
