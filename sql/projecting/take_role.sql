-- What is made belongs to who projects, whoever makes it: a table's owner is whom its policies do not concern.
SET LOCAL ROLE acci_project;
