# SPDX-FileCopyrightText: 2026 The health_imaging and health_orthanc developers
# SPDX-License-Identifier: GPL-3.0-or-later
"""Labelled pairs of what a study reports and the person who has its ID.

Each pair is of a kind, and labelled: the study is of OTHER than that person
and may never be linked, or it is plainly of the person (RIGHT), or so but
for a slip (SLIP). A kind is a way in which names, dates and IDs differ; the
names come from many cultures.
"""
import datetime as dt
import random
import re
import unicodedata
from collections import defaultdict
from typing import NamedTuple

from trytond.modules.health_orthanc.matching import (
    Person, Reported, Rules, Subject, match_study)

from . import name_pairs_by_hand as by_hand

OTHER, RIGHT, SLIP = 'other', 'right', 'slip'
SEED = 20261125
ID = 'GNU100203'
_words = str.split


class Culture(NamedTuple):
    "Names of people of one language, as they are registered there"
    families: list
    women: list
    men: list
    baby: list = []  # what marks a newborn: '{}' is where the mother's is
    latin: dict = {}  # how words are written in Latin letters


CULTURES = {
    'english': Culture(
        _words("Smith Johnson O'Brien Taylor Okafor McDonald Whitfield"),
        _words('Anna Mary Elizabeth Grace Sophie'),
        _words('John Peter William Henry Thomas'),
        ['Baby', 'Baby of {}', 'B/O {}', 'BB', 'Newborn', 'NB {}', 'Twin A',
            'Infant of {}', 'Baby Boy', 'Baby Girl {}', 'S/O {}', 'D/O {}',
            'Babyboy', 'BG', 'Neonate', 'Triplet 2', 'Child of {}',
            'Fetus {}', 'Unborn', 'Unnamed', 'Twin2', 'Stillborn', 'Tw1',
            'TwA', 'Sibling', 'B/B', 'B/G {}', 'M/B', 'B1', 'T2', 'M-B',
            'BF', 'Bboy', 'B-O {}']),
    'spanish': Culture(
        ['García López', 'Núñez Peña', 'Rodríguez', 'Fernández Gómez',
            'Martínez Ruiz', 'de la Cruz', 'Hernández'],
        ['María', 'Lucía', 'Carmen', 'Ana María', 'Isabel'],
        ['José', 'Juan Carlos', 'Miguel', 'Andrés', 'Pablo'],
        ['Hijo de {}', 'Hija de {}', 'RN', 'RN de {}', 'Recién nacido',
            'Bebé', 'Bebe de {}', 'Recien Nacida {}', 'Gemelo 1',
            'Neonato', 'Nena', 'Gemelar II', 'HIJO', 'R.N. {}', 'Melliza 2',
            'Niño de {}', 'Varón', 'RN1', 'Lactante', 'G1', 'G-2',
            'Acabado de nacer']),
    'portuguese': Culture(
        ['Silva Santos', 'Oliveira', 'Gonçalves', 'de Souza', 'Araújo',
            'Pereira Costa'],
        ['Inês', 'Beatriz', 'Conceição', 'Joana', 'Luísa'],
        ['João', 'António', 'Nuno', 'Sebastião', 'Tiago'],
        ['Filho de {}', 'Filha de {}', 'RN de {}', 'RN', 'Recém-nascido',
            'Recem nascido de {}', 'Bebê', 'Neném', 'Gêmeo 1', 'Gemelar',
            'Nascituro']),
    'french': Culture(
        ['Lefèvre', 'Dupont', 'Saint-Pierre', 'Lévêque', 'Moreau',
            'de Villiers'],
        ['Françoise', 'Chloé', 'Élodie', 'Marie-Claire', 'Zoé'],
        ['François', 'René', 'Jean-Pierre', 'Benoît', 'Étienne'],
        ['Nouveau-né', 'Bébé de {}', 'Bébé', 'Nouveau ne {}', 'Enfant {}',
            'Fils de {}', 'Fille de {}', 'Jumeau 1', 'Jumelle A',
            'Nourrisson', 'NNé', 'J1', 'J2']),
    'german': Culture(
        ['Müller', 'Schäfer', 'von Weber', 'Groß', 'Hoffmann',
            'Schmidt-Köhler', 'Krüger'],
        ['Käthe', 'Jutta', 'Dörte', 'Anneliese', 'Ursula'],
        ['Jürgen', 'Günther', 'Karl', 'Wolfgang', 'Björn'],
        ['Neugeborenes', 'Neugeborenes {}', 'NG', 'Säugling', 'Baby {}',
            'Kind von {}', 'Zwilling 1', 'Zwilling B', 'Knabe', 'Mädchen',
            'Neugeb.', 'Drilling 3', 'ZW1', 'ZwA', 'Zw. 2', 'Z1']),
    'italian': Culture(
        ["D'Angelo", 'Rossi', 'Bianchi', 'De Luca', 'Esposito'],
        ['Chiara', 'Francesca', 'Niccolina'], ['Niccolò', 'Marco', 'Matteo'],
        ['Neonato', 'Neonata di {}', 'Figlio di {}', 'Figlia di {}',
            'Gemello 1', 'Bimba {}', 'Bimbo']),
    'nordic': Culture(
        ['Sørensen', 'Åkesson', 'Bjørnsson', 'Lindström', 'Virtanen'],
        ['Åsa', 'Ingrid', 'Bjørg', 'Kirsten'],
        ['Søren', 'Håkon', 'Jørgen', 'Matti'],
        ['Nyfødt', 'Nyfödd', 'Vauva', 'Tvilling 1', 'Barn {}', 'Gutt',
            'Pige', 'Kaksonen B', 'Spædbarn']),
    'dutch': Culture(
        ['van der Berg', 'de Vries', 'Jansen', 'van Dijk', 'ter Horst'],
        ['Sanne', 'Marijke', 'Femke'], ['Pieter', 'Joost', 'Maarten'],
        ['Pasgeborene', 'Zoon van {}', 'Dochter van {}', 'Tweeling 1',
            'Baby van {}', 'Kind {}', 'Zoontje van {}', 'Dochtertje',
            'Pasgeb.']),
    'polish': Culture(
        ['Wójcik', 'Żak', 'Łukaszewicz', 'Kowalska', 'Dąbrowski'],
        ['Łucja', 'Małgorzata', 'Zofia'], ['Łukasz', 'Stanisław', 'Paweł'],
        ['Noworodek', 'Noworodek {}', 'Syn {}', 'Córka {}', 'Bliźniak I',
            'Dziecko {}', 'N-dek', 'dz.', '(dz.)', 'dz. {}', 'Nowor.',
            'Dzieciątko']),
    'czech': Culture(
        ['Dvořák', 'Říha', 'Novotná', 'Kovačević', 'Horváth'],
        ['Božena', 'Jiřina', 'Katarína'], ['Dušan', 'Jiří', 'Zdeněk'],
        ['Novorozenec', 'Dvojče A', 'Novorođenče', 'Újszülött', 'Iker 1',
            'Novorodenec {}', 'Csecsemő', 'Beba {}', 'Novor.', 'Dítě {}',
            'Dieťa', 'Miminko', 'Djevojčica', '{} csecsemője']),
    'turkish': Culture(
        ['Yılmaz', 'Öztürk', 'Şahin', 'Çelik', 'Işık'],
        ['Ayşe', 'Özlem', 'İpek', 'Gülşen'],
        ['Ömer', 'İbrahim', 'Çağatay', 'Mehmet'],
        ['Bebek', 'Yenidoğan', '{} Bebeği', 'İkiz 1', 'Bebek {}',
            'Yeni doğan', 'YD', 'Y.D.', 'YD {}', 'Kız bebek', '{} Oğlu']),
    'romanian': Culture(
        ['Bălan', 'Țepeș', 'Ionescu', 'Popescu'],
        ['Ioana', 'Mărioara'], ['Ștefan', 'Mihai'],
        ['Nou-născut', 'Nou nascut {}', 'Geamăn 1', 'Copil {}',
            'Fetiță', 'Băiat']),
    'vietnamese': Culture(
        ['Nguyễn', 'Trần', 'Lê', 'Phạm', 'Đặng'],
        ['Thị Hoa', 'Thị Lan', 'Ngọc Ánh', 'Thị Minh Châu'],
        ['Văn Hùng', 'Văn Đức', 'Quốc Bảo', 'Minh Tuấn'],
        ['Con bà {}', 'Sơ sinh', 'Bé', 'Trẻ sơ sinh', 'CB {}', 'Em bé',
            'Bé trai', 'Be gai', 'Con của {}']),
    'malay': Culture(
        ['bin Ismail', 'bin Abdullah', 'binti Hassan', 'bin Othman'],
        ['Siti Aminah', 'Nurul Huda', 'Farah'],
        ['Ahmad', 'Mohd Faizal', 'Azman'],
        ['Bayi', 'Bayi {}', 'Anak {}', 'By Ny {}', 'B/O {}', 'Sanggol',
            'Kembar 1', 'An Ny {}', 'Putra Ny {}', 'BBL', 'Bayi baru lahir']),
    'arabic in latin': Culture(
        ['al-Hassan', 'El Sayed', 'Haddad', 'Ben Salah', 'Khoury'],
        ['Fatima Zahra', 'Aisha', 'Noura', 'Layla'],
        ['Mohammed', 'Omar', 'Abdul Rahman', 'Youssef', 'Ahmed Ali'],
        ['Ibn {}', 'Bint {}', 'Mawlood', 'Tifl {}', 'Baby {}', 'Twin 1',
            'Bnt {}']),
    'african': Culture(
        ['Mensah', 'Diallo', 'Mbeki', 'Oyelaran', 'Tesfaye', 'Kamau'],
        ['Amara', 'Wanjiru', 'Abeba', 'Nomvula'],
        ['Kwame', 'Kofi', 'Sibusiso', 'Chukwuemeka'],
        ['Mtoto wa {}', 'Mtoto', 'Jariri', 'Pacha 1', 'Mwana {}',
            'Kichanga', 'Zazakely']),
    'indian in latin': Culture(
        ['Sharma', 'Patel', 'Krishnamurthy', 'Singh', 'Chatterjee'],
        ['Priya', 'Lakshmi', 'Anjali', 'Sunita'],
        ['Rajesh', 'Arun Kumar', 'Sanjay', 'Vikram'],
        ['B/O {}', 'Baby of {}', 'BABY {}', 'Shishu', 'Navjat', 'Twin I',
            'F/CH of {}', 'M/CH of {}', '{} ki beti', '{} ka beta',
            '{} ki putri', '{} ka putra', '{} ka bachcha', 'B O {}', 'M/B',
            '{} er meye', '{} ki larki']),
    'chinese in latin': Culture(
        ['Wang', 'Zhang', 'Chen', 'Huang', 'Zhao'],
        ['Xiaomei', 'Fang', 'Li Na'], ['Wei', 'Jianguo', 'Xiao Ming'],
        ['zhi zi', 'zhi nv', 'Yinger', 'Xinshenger', 'BB', 'Baby']),
    'russian': Culture(
        _words('Иванов Петрова Щербаков Кузнецов Соловьёва Жуковский'),
        _words('Ольга Юлия Екатерина Наталья Анна'),
        _words('Сергей Дмитрий Фёдор Алексей Михаил'),
        ['Новорожденный', 'реб. {}', 'Новорожденная {}', 'Ребенок {}',
            'Двойня 1', 'Младенец', 'н/р', 'Близнец 2', 'Девочка',
            'Мальчик {}', 'Новорождённый', 'нр', 'н.р.', 'н-р', 'Новор.',
            'Малышка'],
        {'Иванов': 'Ivanov', 'Петрова': 'Petrova', 'Щербаков': 'Shcherbakov',
            'Кузнецов': 'Kuznetsov', 'Соловьёва': 'Solovyova',
            'Жуковский': 'Zhukovsky', 'Ольга': 'Olga', 'Юлия': 'Yulia',
            'Екатерина': 'Ekaterina', 'Наталья': 'Natalia', 'Анна': 'Anna',
            'Сергей': 'Sergey', 'Дмитрий': 'Dmitry', 'Фёдор': 'Fedor',
            'Алексей': 'Alexey', 'Михаил': 'Mikhail'}),
    'ukrainian': Culture(
        _words('Шевченко Коваленко Гончарук Їжакевич'),
        _words('Олена Ганна Софія Євгенія'),
        _words('Андрій Григорій Сергій Юрій'),
        ['Новонароджений', 'Немовля {}', 'Дитина {}', 'Близнюк 1'],
        {'Шевченко': 'Shevchenko', 'Коваленко': 'Kovalenko',
            'Гончарук': 'Honcharuk', 'Їжакевич': 'Yizhakevych',
            'Олена': 'Olena', 'Ганна': 'Hanna', 'Софія': 'Sofiia',
            'Євгенія': 'Yevheniia', 'Андрій': 'Andrii',
            'Григорій': 'Hryhorii', 'Сергій': 'Serhiy', 'Юрій': 'Yurii'}),
    'greek': Culture(
        _words('Παπαδόπουλος Γεωργίου Νικολαΐδης Χατζής Μπακογιάννη'),
        _words('Ελένη Μαρία Αικατερίνη Ευαγγελία'),
        _words('Γιώργος Δημήτρης Ιωάννης Χρήστος'),
        ['Νεογέννητο', 'Νεογνό {}', 'Βρέφος', 'Δίδυμο Α', 'Μωρό {}',
            'Άρρεν', 'Θήλυ', 'Αβάπτιστο', 'Νεογ.', 'Τέκνο {}'],
        {'Παπαδόπουλος': 'Papadopoulos', 'Γεωργίου': 'Georgiou',
            'Νικολαΐδης': 'Nikolaidis', 'Χατζής': 'Chatzis',
            'Μπακογιάννη': 'Bakogianni', 'Ελένη': 'Eleni',
            'Μαρία': 'Maria', 'Αικατερίνη': 'Aikaterini',
            'Ευαγγελία': 'Evangelia', 'Γιώργος': 'Giorgos',
            'Δημήτρης': 'Dimitris', 'Ιωάννης': 'Ioannis',
            'Χρήστος': 'Christos'}),
    'arabic': Culture(
        ['حداد', 'الحسن', 'السيد', 'خوري', 'العلي', 'منصور'],
        ['فاطمة', 'عائشة', 'ليلى', 'سارة', 'مريم'],
        ['محمد', 'حسين', 'عمر', 'أحمد', 'يوسف', 'خالد'],
        ['ابن {}', 'بنت {}', 'مولود', 'مولودة {}', 'طفل {}', 'طفلة',
            'رضيع', 'توأم 1', 'بيبي {}', 'اِبن {}', 'ابنة {}',
            'حديث الولادة'],
        {'حداد': 'Haddad', 'الحسن': 'Al-Hassan', 'السيد': 'El Sayed',
            'خوري': 'Khoury', 'العلي': 'Al Ali', 'منصور': 'Mansour',
            'فاطمة': 'Fatima', 'عائشة': 'Aisha', 'ليلى': 'Layla',
            'سارة': 'Sara', 'مريم': 'Maryam', 'محمد': 'Mohammed',
            'حسين': 'Hussein', 'عمر': 'Omar', 'أحمد': 'Ahmed',
            'يوسف': 'Youssef', 'خالد': 'Khaled'}),
    'persian': Culture(
        ['رضایی', 'کریمی', 'احمدی', 'حسینی'],
        ['زهرا', 'مریم', 'نرگس'], ['علی', 'مهدی', 'کاظم'],
        ['نوزاد', 'نوزاد {}', 'دوقلو 1', 'فرزند {}',
            'قل ۱', 'بچه {}', 'بچی'],
        {'رضایی': 'Rezaei', 'کریمی': 'Karimi', 'احمدی': 'Ahmadi',
            'حسینی': 'Hosseini', 'زهرا': 'Zahra', 'مریم': 'Maryam',
            'نرگس': 'Narges', 'علی': 'Ali', 'مهدی': 'Mehdi',
            'کاظم': 'Kazem'}),
    'hebrew': Culture(
        ['כהן', 'לוי', 'מזרחי', 'פרידמן', 'ביטון'],
        ['שרה', 'רחל', 'מרים', 'נועה'], ['משה', 'יצחק', 'דוד', 'יוסף'],
        ['תינוק', 'תינוקת {}', 'ילוד', 'בת {}', 'תאום 1', 'בן של {}',
            'יילוד {}', 'תאומה', 'פגית', 'עובר'],
        {'כהן': 'Cohen', 'לוי': 'Levi', 'מזרחי': 'Mizrahi',
            'פרידמן': 'Friedman', 'ביטון': 'Biton', 'שרה': 'Sarah',
            'רחל': 'Rachel', 'מרים': 'Miriam', 'נועה': 'Noa',
            'משה': 'Moshe', 'יצחק': 'Yitzhak', 'דוד': 'David',
            'יוסף': 'Yosef'}),
    'japanese': Culture(
        ['山田', '佐藤', '鈴木', '高橋', '伊藤'],
        ['花子', '由紀', '美咲'], ['太郎', '健一', '翔'],
        ['ベビー', '新生児', '{}ベビー', '赤ちゃん', '{}児', '双子1',
            '{}第一子', '{}長男', '{}の子', '{}次女', '{}男児']),
    'kana': Culture(
        ['やまだ', 'さとう', 'すずき', 'おおの', 'きむら'],
        ['はなこ', 'ゆうき', 'みさき'], ['たろう', 'けんいち', 'しょうた'],
        ['ベビー', '{}ベビー', 'あかちゃん'],
        {'やまだ': 'Yamada', 'さとう': 'Sato', 'すずき': 'Suzuki',
            'おおの': 'Ohno', 'きむら': 'Kimura', 'はなこ': 'Hanako',
            'ゆうき': 'Yuki', 'みさき': 'Misaki', 'たろう': 'Taro',
            'けんいち': 'Kenichi', 'しょうた': 'Shota'}),
    'chinese': Culture(
        ['王', '张', '刘', '陈', '赵'], ['芳', '小红', '丽娜', '秀英'],
        ['伟', '建国', '小明', '志强'],
        ['{}之子', '{}之女', '新生儿', '婴儿', '{}宝宝', '双胞胎1', '男婴',
            '{}之婴', '{}儿子', '{}女儿', '{}之长子', '双胎1', '{}初生',
            '{}毛头', '{}婴', '{}嬰'],
        {'王': 'Wang', '张': 'Zhang', '刘': 'Liu', '陈': 'Chen',
            '赵': 'Zhao', '芳': 'Fang', '小红': 'Xiaohong',
            '丽娜': 'Li Na', '秀英': 'Xiuying', '伟': 'Wei',
            '建国': 'Jianguo', '小明': 'Xiao Ming', '志强': 'Zhiqiang'}),
    'korean': Culture(
        ['김', '이', '박', '최', '정'], ['영희', '지은', '수진', '미경'],
        ['민수', '지훈', '성호', '준영'],
        ['아기', '{}아기', '신생아', '쌍둥이1', '{} 베이비', '애기',
            '{}아들', '{} 딸', '{}아가', '쌍태아'],
        {'김': 'Kim', '이': 'Lee', '박': 'Park', '최': 'Choi',
            '정': 'Jung', '영희': 'Younghee', '지은': 'Ji-Eun',
            '수진': 'Soojin', '미경': 'Mikyung', '민수': 'Minsu',
            '지훈': 'Jihoon', '성호': 'Sungho', '준영': 'Junyoung'}),
    'thai': Culture(
        ['แดง', 'ทองดี', 'ศรีสุข', 'วงศ์ไทย'],
        ['สุดา', 'มาลี', 'สมหญิง'], ['สมชาย', 'วิชัย', 'ประเสริฐ'],
        ['บุตร{}', 'ทารก', 'ทารกแรกเกิด', 'แฝด1', 'ลูก{}', 'บุตรนาง{}']),
    'hindi': Culture(
        ['शर्मा', 'पटेल', 'वर्मा', 'कुमार'],
        ['प्रिया', 'सुनीता', 'अंजलि', 'रीना'],
        ['राम', 'राजेश', 'संजय', 'विकास'],
        ['शिशु', 'नवजात', 'बेबी {}', 'बच्चा {}', 'जुड़वां 1', 'पुत्र {}'],
        {'शर्मा': 'Sharma', 'पटेल': 'Patel', 'वर्मा': 'Verma',
            'कुमार': 'Kumar', 'प्रिया': 'Priya', 'सुनीता': 'Sunita',
            'अंजलि': 'Anjali', 'रीना': 'Reena', 'राम': 'Ram',
            'राजेश': 'Rajesh', 'संजय': 'Sanjay', 'विकास': 'Vikas'}),
    }
GENERATIONS = [
    ('Jr', 'Sr'), ('Jr.', 'III'), ('II', 'III'), ('Junior', 'Senior'),
    ('Filho', 'Neto'), ('Júnior', 'Sobrinho'), ('hijo', 'padre'),
    ('père', 'fils'), ('2nd', '3rd'), ('IV', 'III'), ('Jnr', 'Snr'),
    ('Neto', 'Sobrinho'), ('мл.', 'ст.'), ('младший', 'старший'),
    ('Netto', 'Filho'), ('Fº', 'Neto'), ('aîné', 'fils'), ('(Jr)', '(Sr)'),
    ('(II)', '(III)'), ('[II]', '[III]'), ('-II', '-III'), ('Ⅱ', 'Ⅲ'),
    ('/II', '/III'), (', Jr.', ', Sr.'), ('²', '³'), ('-Jr', '-Sr'),
    ('cadet', 'aîné'), ('Jr', 'Segundo'), ('Segundo', 'Terceiro'),
    ('giovane', 'vecchio'), ('il giovane', 'senior'), ('menor', 'mayor'),
    ('el menor', 'el mayor'), ('(h)', '(p)'), ('di Luigi', 'di Mario'),
    ('fu Luigi', 'di Mario'), ('jun.', 'sen.'), ('Benjamin', 'aîné'),
    ('the younger', 'the elder'), ('el sghir', 'el kebir'),
    ('N.to', 'Filho'), ('J.r', 'Sr'), ('J.or', 'S.or'), ('N.º', 'F.º'),
    ('Jr.º', 'Neto'), ('S.nr', 'Júnior'), ('F.lho', 'Nto'), ('Fo', 'Neto')]
# Which of them agree without a birth date, where one is the suffix
ALONE = {'Jr', 'II', 'Filho', 'père', 'IV', 'мл.', '(Jr)', 'Fº', 'aîné',
    'N.to', 'J.r', 'J.or', 'N.º', 'Jr.º', 'S.nr', 'F.lho'}
# What slips can make of a name, that is one way to write it
_VARIANTS = {'Jsé', 'Mohamed', 'Mohamad'}
# Those of names that are written as they are
NATIVE_GENERATIONS = {
    'arabic': [
        ('الابن', 'الأب'), ('الصغير', 'الكبير'), ('الثاني', 'الثالث'),
        ('الأصغر', 'الأكبر'), ('الإبن', 'الوالد')],
    'persian': [('کوچک', 'بزرگ')],
    'hebrew': [('הבן', 'האב'), ('הצעיר', 'הבכור')],
    'greek': [('νεότερος', 'πρεσβύτερος')],
    'russian': [('второй', 'третий'), ('младшая', 'старшая')],
    'polish': [('młodszy', 'starszy'), ('mł.', 'starszy')],
    'german': [('jun.', 'sen.'), ('jüngere', 'ältere')]}
# Words that mark children and generations, as the names of people
ALSO_NAMES = [
    ('Larsson', 'Bo'), ('Larsson', 'Bo Anders'), ('Kim', 'Bo Young'),
    ('Cohen', 'Bat Sheva'), ('Cohen', 'Bat-El'), ('Levi', 'Noa Neta'),
    ('Levi', 'Neta'), ("O'Brien", 'Con'), ('Nguyễn', 'Con Lan'),
    ('Wijaya', 'Putra'), ('Wijaya', 'Dewi Putri'), ('Kaur', 'Beti'),
    ('Netto', 'Ana'), ('Silva Netto', 'Ana'), ('Quispe', 'Segundo'),
    ('Quispe', 'Juan Segundo'), ('Segundo', 'Rosa'), ('Vecchio', 'Mario'),
    ('Del Vecchio', 'Mario'), ('Le Jeune', 'Anne'), ('Cadet', 'Jean'),
    ('Franklin', 'Benjamin'), ('Miller', 'John Benjamin'), ('Elder', 'Mark'),
    ('Sen', 'Amartya'), ('Park', 'Min Jun'), ('Li', 'Xiao Fu'),
    ('Fu', 'Wei'), ('Di Luigi', 'Marco'), ('El Saghir', 'Omar'),
    ('Al Thani', 'Omar'), ('Küçük', 'Ali'), ('Menor', 'Luis'),
    ('García Mayor', 'Luis'), ('Ould Cheikh', 'Sidi'), ('الصغير', 'محمد'),
    ('الثاني', 'خالد'), ('Smith', 'Juan H'), ('Smith', 'John F'),
    ('St John', 'Mary'), ('Chi', 'Ko'), ('An', 'Ni'), ('Ka', 'Mamadou')]
NUMBERS = [
    ('1', '2'), ('I', 'II'), ('A', 'B'), ('1', '12'), ('II', 'III'),
    ('#1', '#2'), ('B', 'C'), ('2', '3'), ('first', 'second')]
NUMBERED = [
    'Twin', 'RN', 'Bebe', 'Baby', 'BB', 'Gemelar', 'Zwilling', 'Jumeau',
    'Newborn', 'Triplet', 'Bayi', 'Noworodek', 'Gemello']
MARKED = [
    ('Hùng', 'Hưng'), ('Tú', 'Tư'), ('Hà', 'Hạ'), ('Thúy', 'Thùy'),
    ('Dũng', 'Dương'), ('Tuấn', 'Tuân'), ('Hải', 'Hài'), ('Mỹ', 'Mỳ'),
    ('Bảo', 'Bão'), ('Lân', 'Lẫn'), ('Sơn', 'Sôn'), ('Ngân', 'Ngạn')]
PARTICLES = [
    ('de la Cruz', 'de la'), ('van der Berg', 'van der'), ('von Weber', 'von'),
    ('da Silva', 'da'), ('al-Hassan', 'al'), ('bin Ismail', 'bin'),
    ('Ben Salah', 'Ben'), ('di Marco', 'di'), ('El Sayed', 'El')]
PLACEHOLDERS = [
    dt.date(1900, 1, 1), dt.date(1800, 1, 1), dt.date(1753, 1, 1),
    dt.date(1970, 1, 1), dt.date(1962, 1, 1), dt.date(1985, 1, 1),
    dt.date(1899, 12, 30), dt.date(1899, 12, 31), dt.date(2099, 12, 31),
    dt.date(1111, 11, 11)]
NEAR_GIVEN = [
    ('Anna', 'Ana'), ('Maria', 'Mario'), ('Maria', 'Marie'), ('Jan', 'Jana'),
    ('Hassan', 'Hussein'), ('Hassan', 'Hasan'), ('Daniel', 'Daniela'),
    ('Ji-woo', 'Ji-ho'), ('Carlos', 'Carla'), ('Louis', 'Lois'),
    ('Paul', 'Paula'), ('Eric', 'Erica'), ('Yuki', 'Yuka'),
    ('Christian', 'Christiane'), ('Simon', 'Simone'), ('Tina', 'Nina'),
    ('Мария', 'Марина'), ('حسن', 'حسين'), ('Rina', 'Rani'),
    ('Alexander', 'Alexandra'), ('Tomas', 'Thomas'), ('Ivan', 'Ivana'),
    ('دانا', 'دينا'), ('민수', '민서'), ('小明', '小红')]
CROSS_NEAR = [
    ('Hassan', 'حسين'), ('Hussein', 'حسن'), ('Ahmed', 'محمد'),
    ('Mahmoud', 'محمد'), ('Mohammed', 'محمود'), ('Hamed', 'أحمد'),
    ('Maria', 'Марина'), ('Ivan', 'Иванна'), ('Olga', 'Олег'),
    ('Dina', 'دانا'), ('Dana', 'Дина'), ('Yana', 'Яна Мария'),
    ('Moshe', 'משיח'), ('Rachel', 'רחלי'), ('Minseo', '민수'),
    ('Rani', 'रीना'), ('Taro', 'じろう'), ('Eleni', 'Ελένα'),
    ('Xiaohong', '小明'), ('Fang', '方方'), ('Sara', 'سارية'),
    ('Rania', 'رانا'), ('Rania', 'رنا'), ('Rana', 'رانيا'),
    ('Nadia', 'ندى'), ('Diana', 'دانا'), ('Diana', 'دينا'),
    ('Lamia', 'لمى'), ('Lama', 'لمياء'), ('Samia', 'سما'),
    ('Safia', 'صفاء'), ('Safa', 'صفية'), ('Alia', 'علاء'),
    ('Alaa', 'علياء'), ('Halia', 'هالة'), ('Halia', 'هاله'),
    ('Riam', 'ريم'), ('Dania', 'דנה'), ('Dana', 'דניה'), ('Diana', 'דינה')]
CROSS_FAMILY = {
    'ARABIC': ('Haddad', 'حداد'), 'CYRILLIC': ('Ivanov', 'Иванов'),
    'HEBREW': ('Cohen', 'כהן'), 'HANGUL': ('Kim', '김'),
    'DEVANAGARI': ('Sharma', 'शर्मा'), 'HIRAGANA': ('Yamada', 'やまだ'),
    'GREEK': ('Georgiou', 'Γεωργίου'), 'CJK': ('Wang', '王')}
ROMANIZED = [
    ('Щербаков', 'Shcherbakov Scherbakov Shcherbakow Stcherbakov'),
    ('Юлия', 'Yulia Julia Yuliya Iuliia Julija Youlia'),
    ('Сергей', 'Sergey Sergei Serguei Sergej'),
    ('Евгений', 'Evgeny Yevgeny Evgenii Evgeniy Jewgenij'),
    ('Чайковский', 'Tchaikovsky Chaikovskii Tschaikowski Chaykovskiy'),
    ('Алексей', 'Alexey Aleksei Alexei Aleksej'),
    ('Χρήστος', 'Christos Hristos Khristos'),
    ('Γιώργος', 'Giorgos Yiorgos Yorgos'),
    ('Παπαδόπουλος', 'Papadopoulos Papadopulos Papadopoylos'),
    ('Ευάγγελος', 'Evangelos Evaggelos Euangelos'),
    ('محمد', 'Mohammed Muhammad Mohamed Mohamad Muhammed'),
    ('حسين', 'Hussein Husain Hossein Houssein Hussain'),
    ('يوسف', 'Youssef Yousef Yusuf Yousif'), ('خديجة', 'Khadija Khadijah'),
    ('عبد الرحمن', 'Abdulrahman Abdelrahman Abdul-Rahman'),
    ('ضياء', 'Diaa Dia Zia Ziya'), ('علاء', 'Alaa Ala'),
    ('أسماء', 'Asma Asmaa Assma'), ('هناء', 'Hana Hanaa Hanae'),
    ('شيماء', 'Shaimaa Shaima Chaimae'), ('دعاء', 'Doaa Duaa'),
    ('عبده', 'Abduh Abdoh'), ('הילה', 'Hila Hilah'), ('דנה', 'Dana Danah'),
    ('مصطفى', 'Mustafa Moustafa Mostafa'), ('قاسم', 'Qasim Kassem Qassem'),
    ('נחמן', 'Nachman Nahman Nakhman'), ('שלמה', 'Shlomo Schlomo Shlomoh'),
    ('יעקב', "Yaakov Yaacov Ya'akov"), ('חיים', 'Chaim Haim Chayim'),
    ('정희', 'Jeonghee Jung-hee Chung-hui Junghee'),
    ('박', 'Park Pak Bak'), ('이', 'Lee Yi Rhee'),
    ('じろう', 'Jiro Jirou Ziro'), ('ちづる', 'Chizuru Tiduru Chiduru'),
    ('おおの', 'Ono Ohno Oono'), ('しんいち', "Shinichi Shin'ichi Sinichi"),
    ('लक्ष्मी', 'Lakshmi Laxmi'), ('पूजा', 'Pooja Puja'),
    ('विजय', 'Vijay'), ('გიორგი', 'Giorgi'), ('Արմեն', 'Armen'),
    ('ნინო', 'Nino')]
ABBREVIATED = [
    ('María', 'Mª'), ('María', 'Ma.'), ('María', 'M.ª'),
    ('Mohammed', 'Mohd'), ('Mohammad', 'Md.'), ('Francisco', 'Fco.'),
    ('Guadalupe', 'Gpe.'), ('William', 'Wm'), ('Fernando', 'Fdo.')]
ABBREVIATED_FAMILIES = [
    ('Saint-Pierre', 'St-Pierre'), ('St. John', 'Saint John'),
    ('McDonald', 'MacDonald'), ('MacLeod', 'Mc Leod'),
    ('Santa Cruz', 'Sta. Cruz'), ('Santo Domingo', 'Sto Domingo'),
    ('Hernández', 'Hdez'), ('Ramírez', 'Rmz'), ('Rodríguez', 'Rdz.'),
    ('Martínez', 'Mtz'),
    ('Sainte-Marie', 'Ste-Marie'), ('González', 'Glez.')]
HAN = [
    ('张', '張'), ('刘', '劉'), ('陈', '陳'), ('赵', '趙'), ('黄', '黃'),
    ('吴', '吳'), ('郑', '鄭'), ('孙', '孫'), ('马', '馬'), ('叶', '葉'),
    ('沢田', '澤田'), ('斉藤', '齊藤'), ('広瀬', '廣瀬'), ('渡辺', '渡邊'),
    ('高橋', '髙橋'), ('浜田', '濱田'), ('国分', '國分')]
LONG_VOWELS = [
    ('Ono', 'Taro', 'Ohno', 'Tarou'), ('Sato', 'Yuki', 'Satou', 'Yuuki'),
    ('Ito', 'Kyoko', 'Itoh', 'Kyouko'), ('Kato', 'Ryo', 'Katō', 'Ryō'),
    ('Endo', 'Shohei', 'Endou', 'Shouhei'), ('Goto', 'Ko', 'Gotō', 'Koh'),
    ('Sato', 'Yuki', 'Sâto', 'Yuki'), ('Oshima', 'Yoko', 'Ooshima', 'Youko')]
ARABIC_VARIANTS = str.maketrans('ةيكأإآى', 'هىکاااي')


class Pair(NamedTuple):
    kind: str
    label: str
    reported: Reported
    person: Person
    rules: Rules = Rules()
    patient_id: str = ID
    issuer: str | None = None
    study_date: dt.date | None = None


def is_linked(pair):
    "Return whether the rules link the study of the pair to its person"
    verdict = match_study(
        Subject(
            pair.patient_id, pair.issuer, pair.reported,
            date=pair.study_date),
        pair.rules, {pair.rules.key(ID): [pair.person]}, {})
    return verdict.person == pair.person.id


def evaluate():
    "Return by (label, kind) how many were linked, of how many, and pairs"
    counts = defaultdict(lambda: [0, 0, []])
    for pair in pairs():
        count = counts[pair.label, pair.kind]
        linked = is_linked(pair)
        count[0] += linked
        count[1] += 1
        if linked == (pair.label == OTHER):
            count[2].append(pair)
    return counts


def rates(counts):
    "Return (linked, of all) by label"
    return {
        label: tuple(
            sum(count[i] for (of, _), count in counts.items() if of == label)
            for i in range(2))
        for label in [OTHER, RIGHT, SLIP]}


def table(counts):
    "Return the lines of the table of kinds"
    titles = {
        OTHER: "Another person: linked wrongly",
        RIGHT: "Plainly the person: linked",
        SLIP: "The person, with a slip: linked"}
    for label, (linked, total) in rates(counts).items():
        yield f"{titles[label]:52} {linked:6} of {total:6} {linked/total:7.1%}"
        for (of, kind), count in sorted(counts.items()):
            if of == label:
                yield (
                    f"    {kind:48} {count[0]:6} of {count[1]:6} "
                    f"{count[0] / count[1]:7.1%}")


def pairs():
    "Yield all pairs, the same ones each time"
    make = _Maker(random.Random(SEED))
    for generate in KINDS:
        yield from generate(make)


KINDS = []


def _kind(function):
    KINDS.append(function)
    return function


class Human(NamedTuple):
    culture: str
    family: str
    given: str
    birth_date: dt.date
    sex: str

    @property
    def is_native(self):
        return not self.family.isascii() and bool(
            CULTURES[self.culture].latin
            or self.culture in {'japanese', 'thai'})

    def latin(self, text):
        words = CULTURES[self.culture].latin
        return words.get(text) or ' '.join(
            words.get(word, word) for word in text.split())


class _Maker:
    "Makes people and pairs of them"

    def __init__(self, random_):
        self.random = random_
        self.choose = random_.choice

    def date(self):
        while True:
            date = dt.date(1935, 1, 2) + dt.timedelta(
                days=self.random.randrange(32_000))
            if (date.month, date.day) != (1, 1):
                return date

    def human(self, culture, **values):
        names = CULTURES[culture]
        sex = self.choose('fm')
        return Human(**{
                'culture': culture,
                'family': self.choose(names.families),
                'given': self.choose(
                    names.women if sex == 'f' else names.men),
                'birth_date': self.date(), 'sex': sex, **values})

    def humans(self, count, cultures=CULTURES):
        for culture in cultures:
            for _ in range(count):
                yield self.human(culture)

    def sibling(self, human, **values):
        "Return somebody of the same family who shares no given name"
        names = CULTURES[human.culture]
        taken = set(human.given.replace('-', ' ').split())
        others = [
            given for given in names.women + names.men
            if not taken & set(given.replace('-', ' ').split())]
        given = self.choose(others)
        return human._replace(**{
                'given': given, 'birth_date': self.date(),
                'sex': 'f' if given in names.women else 'm', **values})

    def pair(self, kind, label, reported, person, **values):
        """Make a pair of what is reported and whom.

        They are (name, birth date, sex) and (family, given, birth date, sex).
        """
        family, given, birth_date, sex = person
        extra = values.pop('extra', {})
        return Pair(
            kind, label, Reported(*reported),
            Person(
                7, ((family, given),), birth_date,
                frozenset(sex.upper() if sex else ()))._replace(**extra),
            **values)

    def forms(self, family, given):
        "Yield the ways in which a name is put into DICOM"
        yield f'{family}^{given}'
        yield f'{family}^{given}'.upper()
        yield f'{given}^{family}'
        yield f'{family} {given}'.upper()
        yield f'{given} {family}'
        yield f'{family}, {given}'
        yield f'{family}^{given}^^DR'


def _person(human, birth_date=True):
    return (
        human.family, human.given, human.birth_date if birth_date else None,
        human.sex)


# What is of somebody else

@_kind
def twins(make):
    for human in make.humans(8):
        twin = make.sibling(human, birth_date=human.birth_date)
        for form in make.forms(twin.family, twin.given):
            yield make.pair(
                'twin under the ID', OTHER,
                (form, human.birth_date, make.choose([None, 'O'])),
                _person(human))


@_kind
def siblings(make):
    for human in make.humans(5):
        sibling = make.sibling(human)
        for date in [sibling.birth_date, None]:
            yield make.pair(
                'sibling under the ID', OTHER,
                (f'{sibling.family}^{sibling.given}', date, None),
                _person(human))


@_kind
def strangers(make):
    for human in make.humans(6):
        other = make.human(make.choose(list(CULTURES)))
        if {other.latin(other.family), other.latin(other.given)} & {
                human.latin(human.family), human.latin(human.given)}:
            continue
        for date in [other.birth_date, None, human.birth_date]:
            yield make.pair(
                'stranger under the ID', OTHER,
                (f'{other.family}^{other.given}', date, other.sex.upper()),
                _person(human))


@_kind
def namesakes(make):
    for human in make.humans(4):
        name = f'{human.family}^{human.given}'
        yield make.pair(
            'namesake born another day', OTHER,
            (name, make.date(), human.sex.upper()), _person(human))
        yield make.pair(
            'namesake of the other sex', OTHER,
            (name, human.birth_date, 'M' if human.sex == 'f' else 'F'),
            _person(human))


def _with_mark(name, mark, mother):
    "Yield the ways in which a mark of a newborn stands in a name"
    family, given = name
    marked = mark.replace('{}', mother).strip()
    bare = mark.replace('{}', '').strip()
    yield f'{family}^{marked}'
    yield f'{marked}^{family}'
    yield f'{family} {marked}'
    yield f'{marked} {family}'
    yield f'{family}^{given}^{bare}'
    yield f'{family}^{bare} {given}'
    yield f'{family}^{given} {bare}'
    yield f'{bare} {family}^{given}'
    yield f'{family}^{given}^^{bare}'
    yield f'{family}^{given}^^^{bare}'
    yield f'{family} {given} {bare}'
    yield f'{bare} {family} {given}'.upper()
    yield f'{family}, {bare} {given}'


@_kind
def newborns(make):
    for culture, names in CULTURES.items():
        for mark in names.baby:
            mother = make.human(culture, given=make.choose(names.women))
            for form in _with_mark(
                    (mother.family, mother.given), mark, mother.given):
                yield make.pair(
                    'child under the ID of the mother', OTHER,
                    (form, make.choose([
                                mother.birth_date, mother.birth_date, None]),
                        make.choose([None, 'F', 'O'])),
                    (mother.family, mother.given, mother.birth_date, 'f'))


@_kind
def sons_of_mothers(make):
    "What is in the middle of names begins that of an unnamed son"
    for culture, sons in [
            ('hebrew', ['בן']), ('english', ['Ben', 'Bin', 'BEN']),
            ('arabic', ['بن'])]:
        for son in sons:
            mother = make.human(
                culture, given=make.choose(CULTURES[culture].women))
            for form in [
                    f'{mother.family}^{son} {mother.given}',
                    f'{mother.family}, {son} {mother.given}',
                    f'{son} {mother.given} {mother.family}']:
                for birth_date in [mother.birth_date, None]:
                    yield make.pair(
                        'child under the ID of the mother', OTHER,
                        (form, birth_date, None), (
                            mother.family, mother.given, mother.birth_date,
                            'f'))


@_kind
def latin_marks_elsewhere(make):
    "Marks of one language on names of another"
    marks = [
        mark for names in CULTURES.values() for mark in names.baby
        if mark.isascii()]
    cultures = [c for c, n in CULTURES.items() if n.families[0].isascii()]
    for mark in marks:
        human = make.human(make.choose(cultures))
        forms = list(_with_mark(
                (human.family, human.given), mark, human.given))
        for form in make.random.sample(forms, 4):
            yield make.pair(
                'child, in the words of another language', OTHER,
                (form, human.birth_date, None), _person(human))


@_kind
def mothers(make):
    for culture, names in CULTURES.items():
        for mark in names.baby:
            mother = make.human(culture, given=make.choose(names.women))
            marked = mark.replace('{}', mother.given).strip()
            date = make.date()
            for known in [(mother.family, marked), (marked, mother.family)]:
                yield make.pair(
                    'mother under the ID of the child', OTHER,
                    (f'{mother.family}^{mother.given}',
                        make.choose([date, None]), None),
                    (*known, date, ''))


@_kind
def numbered(make):
    for word in NUMBERED:
        for one, other in NUMBERS:
            human = make.human(make.choose([
                        'english', 'spanish', 'german', 'french']))
            for form in [
                    '{family}^{word} {number}', '{family}^{word}{number}',
                    '{word} {number}^{family}', '{family} {word} {number}',
                    '{family}^{word}^{number}', '{family}^{word}^^^{number}']:
                for reported, known in [(one, other), (other, one)]:
                    yield make.pair(
                        'another number of twins', OTHER,
                        (form.format(
                                family=human.family, word=word,
                                number=reported),
                            human.birth_date, None),
                        (human.family, f'{word} {known}', human.birth_date,
                            None))
    for one, other in NUMBERS:
        for word in ['Patient', 'Unknown', 'Trauma', 'Doe', 'Paciente']:
            date = make.date()
            yield make.pair(
                'another number', OTHER, (f'{word} {one}', date, None),
                (word, other, date, None))
            yield make.pair(
                'another number', OTHER, (f'{word}^{one}', date, None),
                (f'{word} {other}', None, date, None))


@_kind
def numbers_missing(make):
    for word in NUMBERED:
        for number, _ in NUMBERS:
            human = make.human(make.choose(['english', 'spanish', 'german']))
            for reported, known in [
                    (f'{word} {number}', word), (word, f'{word} {number}')]:
                yield make.pair(
                    'twin with a number on one side', OTHER,
                    (f'{human.family}^{reported}', human.birth_date, None),
                    (human.family, known, human.birth_date, None))


@_kind
def unnamed(make):
    "Siblings who were not yet named, years apart"
    for culture, names in CULTURES.items():
        for mark in names.baby[:6]:
            mother = make.human(culture)
            marked = mark.replace('{}', mother.given).strip()
            yield make.pair(
                'unnamed child without birth date', OTHER,
                (f'{mother.family}^{marked}', None, None),
                (mother.family, marked, make.date(), None))


@_kind
def generations(make):
    for one, other in GENERATIONS:
        for human in make.humans(2, [
                    'english', 'portuguese', 'spanish', 'french', 'russian']):
            for reported, known in [(one, other), (other, one)]:
                for form in [
                        '{0.family} {1}^{0.given}', '{0.family}^{0.given} {1}',
                        '{0.family}^{0.given}^^^{1}',
                        '{0.family}^{0.given}^{1}',
                        '{0.given} {0.family} {1}']:
                    yield make.pair(
                        'another generation', OTHER, (
                            form.format(human, reported),
                            make.choose([human.birth_date, None]), None),
                        make.choose([
                                (f'{human.family} {known}', human.given,
                                    human.birth_date, human.sex),
                                (human.family, f'{human.given} {known}',
                                    human.birth_date, human.sex)]))
            yield make.pair(
                'generation on one side, without birth date', OTHER,
                (f'{human.family}^{human.given}^^^{one}', None, None),
                _person(human))
            yield make.pair(
                'generation on one side, without birth date', OTHER,
                (f'{human.family}^{human.given}', human.birth_date, None), (
                    f'{human.family} {one}', human.given, None, human.sex))


@_kind
def native_generations(make):
    for culture, words in NATIVE_GENERATIONS.items():
        for one, other in words:
            for human in make.humans(2, [culture]):
                for reported, known in [(one, other), (other, one)]:
                    for date in [human.birth_date, None]:
                        yield make.pair(
                            'another generation', OTHER,
                            (f'{human.family}^{human.given} {reported}', date,
                                None),
                            (human.family, f'{human.given} {known}',
                                human.birth_date, human.sex))
                    yield make.pair(
                        'generation on one side, without birth date', OTHER,
                        (f'{human.family}^{human.given}', None, None),
                        (human.family, f'{human.given} {known}',
                            human.birth_date, human.sex))
                    yield make.pair(
                        'generation on one side, without birth date', OTHER,
                        (f'{human.family}^{human.given} {known}', None, None),
                        _person(human))
                    yield make.pair(
                        'the same generation', RIGHT,
                        (f'{human.family}^{human.given} {known}',
                            make.choose([human.birth_date, None]), None),
                        (human.family, f'{human.given} {known}',
                            human.birth_date, human.sex))


@_kind
def generations_of_given_names(make):
    "Where only the known name has the word, after the given name"
    for words in GENERATIONS:
        for word in words:
            for human in make.humans(2, _LATIN[:6]):
                for known in [f'{human.given} {word}', f'{human.given}{word}']:
                    if known[len(human.given)].isalpha() and (
                            word not in 'ⅡⅢ'):
                        continue
                    person = (
                        human.family, known, human.birth_date, human.sex)
                    yield make.pair(
                        'generation on one side, without birth date', OTHER,
                        (f'{human.family}^{human.given}', None, None), person)
                    if word in {'hijo', 'fils'}:
                        continue
                    yield make.pair(
                        'generation on one side, with the birth date', RIGHT,
                        (f'{human.family}^{human.given}', human.birth_date,
                            None), person)


@_kind
def names_that_are_marks(make):
    for family, given in ALSO_NAMES:
        for form in [*make.forms(family, given),
                f'{family}^{given.replace(" ", "-")}',
                f'{family}^{given.replace(" ", "").replace("-", "")}']:
            birth_date = make.date()
            for date in [birth_date, None]:
                yield make.pair(
                    'a name that can mark a child or a generation', RIGHT,
                    (form, date, None), (family, given, birth_date, None))
        for more in ['Xenia', 'Xenia Yara']:
            if len(given) < 3 or not family[0].isascii():
                continue
            yield make.pair(
                'a second given name left out', RIGHT,
                (f'{family}^{given}', birth_date, None),
                (family, f'{given} {more}', birth_date, None))
        first, _, second = given.partition(' ')
        if len(first) > 2 and second:
            yield make.pair(
                'a second given name left out', RIGHT,
                (f'{family}^{first}', birth_date, None),
                (family, given, birth_date, None))


@_kind
def marks_before_names(make):
    "What can be the first of two names, or mark a child"
    for family, given, mark in [
            ('Cohen', 'Sara', 'Bat'), ('Sharma', 'Sunita', 'Bo'),
            ('Nguyễn', 'Lan', 'Con'), ('Nguyễn', 'Thị Lan', 'Con'),
            ('Haddad', 'Layla', 'Weld'), ('Haddad', 'Layla', 'Ould'),
            ('حداد', 'ليلى', 'ولد'), ('Levi', 'Sarah', 'Ben')]:
        date = make.date()
        for reported, known in [
                (f'{mark} {given}', given), (given, f'{mark} {given}')]:
            for birth_date in [date, None]:
                yield make.pair(
                    'child under the ID of the mother', OTHER,
                    (f'{family}^{reported}', birth_date, None),
                    (family, known, date, None))


@_kind
def exchanged_and_less(make):
    "Family and given name exchanged, and a second given name left out"
    for one, two, three in [
            ('Pierre', 'Jean', 'Paul'), ('James', 'Henry', 'Charles'),
            ('Omar', 'Hassan', 'Ali'), ('Thomas', 'Martin', 'Luc')]:
        yield make.pair(
            'exchanged, and a given name left out, without birth date', OTHER,
            (f'{two}^{one}', None, None),
            (one, f'{two} {three}', make.date(), None))
        date = make.date()
        yield make.pair(
            'exchanged, and a given name left out', RIGHT,
            (f'{two}^{one}', date, None), (one, f'{two} {three}', date, None))


def _by_hand(make, pairs, kind, label, with_birth_date):
    for reported, known in pairs:
        birth_date = make.date()
        family, _, given = known.partition('^')
        for with_date in with_birth_date:
            yield make.pair(
                kind, label, (reported, birth_date if with_date else None,
                    None), (family, given, birth_date, None))


@_kind
def thought_of(make):
    there_and_back = by_hand.NEVER + [
        (known, reported) for reported, known in by_hand.NEVER
        if '=' not in reported and reported.count('^') == 1]
    yield from _by_hand(
        make, there_and_back, 'two people, by hand', OTHER, [True, False])
    yield from _by_hand(
        make, by_hand.UNTOLD + by_hand.TOLD,
        'too short to tell in another script, by hand', OTHER, [True, False])
    alone = by_hand.NOT_ALONE
    yield from _by_hand(
        make, alone, 'names that do not agree alone, by hand', OTHER, [False])
    yield from _by_hand(
        make, alone + by_hand.WITH_BIRTH_DATE,
        'names with the same birth date, by hand', RIGHT, [True])
    yield from _by_hand(
        make, by_hand.ALWAYS, 'one person, by hand', RIGHT, [True, False])


@_kind
def marks_by_hand(make):
    for mark in by_hand.MARKS:
        for given in [f'Clara {mark}', f'{mark} Clara', mark]:
            yield make.pair(
                'child under the ID of the mother', OTHER,
                (f'Moreno^{given}', dt.date(1990, 5, 4), None),
                ('Moreno', 'Clara', dt.date(1990, 5, 4), 'f'))
            yield make.pair(
                'mother under the ID of the child', OTHER,
                ('Moreno^Clara', dt.date(2020, 5, 4), None),
                ('Moreno', given, dt.date(2020, 5, 4), None))


@_kind
def newborns_alone(make):
    "Each hospital has many of them: without a birth date they are two"
    for family, marks in by_hand.NOT_PARTED.items():
        for mark in marks:
            yield make.pair(
                'newborns without birth date', OTHER,
                (f'{family}^{mark}', None, None),
                (family, mark, make.date(), None))


@_kind
def brothers(make):
    for brother, sister in by_hand.BROTHERS:
        date = make.date()
        family = 'Wickramasinghe'[:15 - len(brother)]
        yield make.pair(
            'brother, whose name is that of the sister cut', OTHER,
            (f'{family}^{brother}', date, None), (family, sister, date, None))


@_kind
def order_of_given_names(make):
    for culture in CULTURES:
        names = CULTURES[culture]
        for one in names.women:
            other = make.choose([
                    given for given in names.women + names.men
                    if not set(given.split()) & set(one.split())])
            family, date = make.choose(names.families), make.date()
            for form in list(make.forms(family, f'{other} {one}')) + [
                    f'{family}^{other}^{one}', f'{family}^{other}-{one}']:
                if not one.isascii() and len(other) == 1:
                    continue
                yield make.pair(
                    'given names in another order', OTHER,
                    (form, make.choose([date, None]), None),
                    (family, f'{one} {other}', date, None))


@_kind
def marks_with_meaning(make):
    for one, other in MARKED:
        for family in CULTURES['vietnamese'].families:
            date = make.date()
            for reported, known in [(one, other), (other, one)]:
                middle = make.choose(['Văn ', 'Thị ', 'Minh ', ''])
                yield make.pair(
                    'marks that carry meaning differ', OTHER,
                    (f'{family}^{middle}{reported}', date, None),
                    (family, middle + known, date, None))
    for family in CULTURES['vietnamese'].families:
        date = make.date()
        yield make.pair(
            'marks that carry meaning differ', OTHER,
            (f'{family}^Thị Minh', date, None),
            (family, 'Văn Minh', date, None))


@_kind
def parted_elsewhere(make):
    "The same letters, but other words"
    for reported, family, given in [
            ('JIAN^AN', 'Jia', 'Nan'), ('Xian^Gang', 'Xiang', 'Ang'),
            ('LI^ANG MIN', 'Lian', 'G Min'), ('Li^Anna', 'Lian', 'Na'),
            ('KIM^INA', 'Kimi', 'Na'), ('FAN^GAN LI', 'Fang', 'Anli'),
            ('ااحمدی^زهر', 'احمدی', 'زهرا'), ('MARI^AN', 'Mar', 'Ian')]:
        birth_date = make.date()
        for date in [birth_date, None]:
            yield make.pair(
                'the same letters in other words', OTHER,
                (reported, date, None), (family, given, birth_date, 'f'))


@_kind
def particles_alone(make):
    for family, particle in PARTICLES:
        for given in ['Ana', 'Jan', 'Omar', 'Luca']:
            date = make.date()
            for name in [
                    f'{particle}^{given}', f'{given} {particle}',
                    f'{family}^{particle}', particle]:
                yield make.pair(
                    'particles alone', OTHER, (name, date, None),
                    (family, given, date, None))
            yield make.pair(
                'particles alone', OTHER,
                (f'{particle} Otherman^{given}', date, None),
                (family, given, date, None))


@_kind
def birth_date_alone(make):
    for human in make.humans(3):
        for name in [None, '', '^', human.family, f'{human.family}^',
                '????^????', 'UNKNOWN']:
            yield make.pair(
                'birth date alone', OTHER,
                (name, human.birth_date, human.sex.upper()), _person(human))
    for human in make.humans(6, [
                c for c, n in CULTURES.items() if n.families[0].isascii()]):
        initial = human.given[0]
        yield make.pair(
            'birth date and an initial', OTHER,
            (f'{human.family}^{initial}', human.birth_date, None),
            _person(human))


@_kind
def placeholders(make):
    for date in PLACEHOLDERS:
        for human in make.humans(1):
            twin = make.sibling(human)
            slip = _slips(make, human.family)
            for name in [None, human.family, f'{slip}^{human.given}',
                    f'{twin.family}^{twin.given}',
                    f'{human.family}^{human.given} Xaver',
                    f'{human.family}^{human.given}^^^III',
                    f'{human.latin(twin.family)}^{human.latin(twin.given)}']:
                if name == f'{human.family}^{human.given}':
                    continue
                yield make.pair(
                    'placeholder of a birth date', OTHER,
                    (name, date, None),
                    (human.family, human.given, date, human.sex))


@_kind
def other_scripts(make):
    for human in make.humans(12, [
                c for c, n in CULTURES.items() if n.latin]):
        twin = make.sibling(human, birth_date=human.birth_date)
        name = f'{twin.latin(twin.family)}^{twin.latin(twin.given)}'
        for date in [human.birth_date, None]:
            yield make.pair(
                'twin, in another script', OTHER, (name, date, None),
                _person(human))
        yield make.pair(
            'twin, in another script', OTHER,
            (f'{twin.family}^{twin.given}', human.birth_date, None), (
                human.latin(human.family), human.latin(human.given),
                human.birth_date, None))
        yield make.pair(
            'in another script without birth date', OTHER,
            (f'{human.latin(human.family)}^{human.latin(human.given)}',
                None, None), _person(human))


@_kind
def near_in_other_scripts(make):
    for latin, native in CROSS_NEAR:
        for script, (family, native_family) in CROSS_FAMILY.items():
            if script not in _script(native):
                continue
            date = make.date()
            for form in make.forms(family, latin):
                yield make.pair(
                    'near name in another script', OTHER,
                    (form, date, None), (native_family, native, date, None))
            yield make.pair(
                'near name in another script', OTHER,
                (f'{native_family}^{native}', date, None),
                (family, latin, date, None))


def _script(text):
    return unicodedata.name(text[0])


@_kind
def near_given_names(make):
    for names in NEAR_GIVEN:
        for one, other in [names, names[::-1]]:
            for family in ['Smith', 'García', 'Nguyễn', 'Иванов', 'حداد',
                    '김', '王', 'Schneider']:
                if family.isascii() != one.isascii() and (
                        _script(family)[:4] != _script(one)[:4]):
                    continue
                date = make.date()
                for form in [
                        f'{family}^{one}', f'{one}^{family}',
                        f'{family} {one}', f'{one} {family}'.upper()]:
                    yield make.pair(
                        'twin of a near name', OTHER, (form, date, None),
                        (family, other, date, None))


@_kind
def slips_too_many(make):
    for human in make.humans(4, _LONG):
        twin = make.sibling(human, birth_date=human.birth_date)
        slip = _slips(make, human.family)
        given_slip = _slips(make, human.given)
        if given_slip in _VARIANTS:
            continue
        for name, date, sex, kind in [
                (f'{slip}^{human.given}', None, None, 'no birth date'),
                (f'{slip}^{human.given}', make.date(), None,
                    'another birth date'),
                (f'{slip}^{human.given}', human.birth_date,
                    'M' if human.sex == 'f' else 'F', 'the other sex'),
                (f'{slip}^{twin.given}', human.birth_date, None,
                    'the name of the twin'),
                (f'{slip}^{human.given[0]}', human.birth_date, None,
                    'an initial'),
                (slip, human.birth_date, None, 'no given name'),
                (f'{human.family}^{given_slip}', human.birth_date, None,
                    'it is in the given name'),
                (f'{slip}^{given_slip}', human.birth_date, None,
                    'one in the given name, too')]:
            if len(name) == 16 and (
                    _bare(f'{human.family}^{human.given}').startswith(
                        _bare(name))):
                # It is as if cut short
                continue
            yield make.pair(
                f'slip in the family name, but {kind}', OTHER,
                (name, date, sex), _person(human))


@_kind
def extra_words(make):
    for human in make.humans(3, _LATIN):
        other = make.sibling(human)
        for name in [
                f'{human.family}^{human.given} {other.given}',
                f'{human.family}^{human.given}^{other.given}',
                f'{human.family} Xavier^{human.given}']:
            yield make.pair(
                'more names than are known, without birth date', OTHER,
                (name, None, None), _person(human))
        for name in [
                f'{human.family}^{other.given} {human.given}',
                f'{human.family}^{other.given}^{human.given}']:
            yield make.pair(
                'another first name before', OTHER,
                (name, human.birth_date, None), _person(human))


@_kind
def near_misses(make):
    "The name of a sibling or twin, with what is forgiven besides"
    for human in make.humans(4):
        twin = make.sibling(human, birth_date=human.birth_date)
        for name in [
                f'{twin.family}^{twin.given} 2',
                f'{twin.family}^{twin.given}^^^1',
                f'{twin.family}^{twin.given}'.translate(ARABIC_VARIANTS),
                *_mojibakes(f'{twin.family}^{twin.given}')]:
            yield make.pair(
                'twin, with what is forgiven besides', OTHER,
                (name, human.birth_date, None), _person(human))
    for one, other in HAN:
        date = make.date()
        yield make.pair(
            'twin, in other Han characters', OTHER,
            (f'{other}^小紅', date, None), (one, '小明', date, None))
    for family, given, family_, _ in LONG_VOWELS:
        date = make.date()
        yield make.pair(
            'twin, with long vowels', OTHER, (f'{family_}^Jirou', date, None),
            (family, given, date, None))
    for one, other in ABBREVIATED:
        date = make.date()
        for reported, known in [
                (f'{other} Elena', f'{one} Isabel'), ('Marco', one),
                ('Mara', one)]:
            yield make.pair(
                'twin, with an abbreviation', OTHER,
                (f'Soto^{reported}', date, None), ('Soto', known, date, None))
    for known, reported in [
            ('Miller', 'M?ller'), ('Garcia', 'Garc?a'), ('Smith', 'Sm?th'),
            ('Weber', 'W\ufffdber')]:
        date = make.date()
        yield make.pair(
            'a letter lost that can be of another name', OTHER,
            (f'{reported}^Anna', None, None), (known, 'Anna', date, 'f'))
    for one, other in [
            ('Maximilian', 'Maximus'), ('Konstantin', 'Konrad'),
            ('Christina', 'Christiane'), ('Annabelle', 'Annalena')]:
        for family in ['Papadopoulou', 'Whitfield', 'Lindström']:
            date = make.date()
            text = f'{family}^{one}'
            for cut in [16, 12, len(family) + 3]:
                if text[:cut] != f'{family}^{other}'[:cut]:
                    yield make.pair(
                        'twin, cut short', OTHER, (text[:cut], date, None),
                        (family, other, date, None))
        yield make.pair(
            'cut short elsewhere', OTHER, (f'Smith^{one[:4]}', date, None),
            ('Smith', one, date, None))


@_kind
def the_dead(make):
    for human in make.humans(4):
        died = dt.date(2015, 6, 1)
        for days in [1, 2, 30, 4000]:
            yield make.pair(
                'after the death', OTHER,
                (f'{human.family}^{human.given}', human.birth_date, None),
                _person(human), extra={'death_date': died},
                study_date=died + dt.timedelta(days=days))


@_kind
def identifiers(make):
    for human in make.humans(3):
        same = f'{human.family}^{human.given}', human.birth_date, None
        for patient_id in [
                'GNU100204', 'GNU10020', 'GNU1002033', 'gnu100203',
                'GNU-100203', 'GNU 100203', 'GNU.100203', '0GNU100203', '']:
            yield make.pair(
                'another ID', OTHER, same, _person(human),
                patient_id=patient_id)
        for patient_id in ['GNU100204', 'GNU-100-204', 'XGNU100203']:
            yield make.pair(
                'another ID, where separators and case are ignored', OTHER,
                same, _person(human), patient_id=patient_id,
                rules=Rules(ignore_case=True, ignore_separators=True))
        yield make.pair(
            'of another issuer', OTHER, same, _person(human),
            rules=Rules(issuer='US'), issuer='THEM')
        yield make.pair(
            'of an issuer that is not reported', OTHER, same, _person(human),
            rules=Rules(issuer='US'))


# What is plainly of the person

@_kind
def the_same(make):
    for human in make.humans(8):
        for form in make.forms(human.family, human.given):
            for date in [human.birth_date, None]:
                yield make.pair(
                    'the same name' if date
                    else 'the same name, without birth date', RIGHT,
                    (form, date, make.choose([human.sex.upper(), None, 'O'])),
                    _person(human))


def _bare(text):
    text = text.translate(str.maketrans('øØłŁđĐıß', 'oOlLdDis'))
    return unicodedata.normalize('NFC', ''.join(
        c for c in unicodedata.normalize('NFD', text)
        if unicodedata.combining(c) < 200))


_OUT = str.maketrans({
        'ä': 'ae', 'ö': 'oe', 'ü': 'ue', 'Ä': 'Ae', 'Ö': 'Oe', 'Ü': 'Ue',
        'ß': 'ss', 'ø': 'oe', 'Ø': 'Oe', 'å': 'aa', 'Å': 'Aa', 'æ': 'ae'})


@_kind
def other_ways_to_write(make):
    for human in make.humans(5, _LATIN):
        for family, given in [
                (_bare(human.family), _bare(human.given)),
                (_bare(human.family.translate(_OUT)),
                    _bare(human.given.translate(_OUT))),
                (human.family.replace("'", ''), human.given),
                (human.family.replace('-', ' '),
                    human.given.replace('-', ' ')),
                (human.family.replace(' ', ''), human.given)]:
            for date in [human.birth_date, None]:
                yield make.pair(
                    'accents, hyphens and apostrophes', RIGHT,
                    (f'{family}^{given}'.upper(), date, None),
                    _person(human))
    for family, _ in PARTICLES:
        date = make.date()
        for known, reported in [
                (family, family.split()[-1].split('-')[-1]),
                (family.split()[-1].split('-')[-1], family)]:
            yield make.pair(
                'with and without particles', RIGHT,
                (f'{reported}^Robin', date, None),
                (known, 'Robin', date, None))


@_kind
def fewer_words(make):
    for human in make.humans(4, _LATIN):
        second = make.sibling(human).given.split()[-1]
        for name in [
                f'{human.family}^{human.given}',
                f'{human.family}^{human.given}^{second[0]}']:
            for date in [human.birth_date, None]:
                yield make.pair(
                    'a second given name left out', RIGHT, (name, date, None),
                    (human.family, f'{human.given} {second}',
                        human.birth_date, human.sex))
        yield make.pair(
            'a second family name left out', RIGHT,
            (f'{human.family}^{human.given}', human.birth_date, None),
            (f'{human.family} Xavier', human.given, human.birth_date,
                human.sex))


@_kind
def more_words(make):
    for human in make.humans(4, _LATIN):
        second = make.sibling(human).given.split()[-1]
        for name in [
                f'{human.family}^{human.given}^{second}',
                f'{human.family}^{human.given} {second}',
                f'{human.family} Xavier^{human.given}',
                f'{human.family}-Xavier^{human.given}',
                f'{human.family}^{human.given}^{second[0]}',
                f'{human.family}^{human.given}^^Dr^PhD',
                f'Dr {human.family}^{human.given}']:
            yield make.pair(
                'a second name more, with the birth date', RIGHT,
                (name, human.birth_date, None), _person(human))


@_kind
def one_generation(make):
    for one, _ in GENERATIONS:
        for human in make.humans(2, _LATIN[:6]):
            date = human.birth_date
            yield make.pair(
                'the same generation', RIGHT,
                (f'{human.family}^{human.given}^^^{one}',
                    None if one in ALONE else date, None),
                (f'{human.family} {one}', human.given, date, human.sex))
            if one == 'hijo':
                # It can be the son of whom the name is
                continue
            yield make.pair(
                'generation on one side, with the birth date', RIGHT,
                (f'{human.family} {one}^{human.given}', date, None),
                _person(human))


@_kind
def same_newborns(make):
    for culture, names in CULTURES.items():
        for mark in names.baby:
            mother = make.human(culture)
            marked = mark.replace('{}', mother.given).strip()
            yield make.pair(
                'the same newborn', RIGHT,
                (f'{mother.family}^{marked}'.upper(), mother.birth_date, None),
                (mother.family, marked, mother.birth_date, None))
    for word in NUMBERED:
        for number, _ in NUMBERS:
            date = make.date()
            yield make.pair(
                'the same newborn', RIGHT,
                (f'Smith^{word} {number}', date, None),
                ('Smith', f'{word} {number}', date, None))


@_kind
def first_of_january(make):
    for human in make.humans(4):
        name = f'{human.family}^{human.given}'
        year = human.birth_date.replace(month=1, day=1)
        for reported, known in [
                (year, human.birth_date), (human.birth_date, year),
                (year, year), (dt.date(1900, 1, 1), human.birth_date),
                (dt.date(1970, 1, 1), human.birth_date)]:
            yield make.pair(
                'the same name, with a placeholder', RIGHT,
                (name, reported, None),
                (human.family, human.given, known, human.sex))


@_kind
def romanized(make):
    for human in make.humans(12, [
                c for c, n in CULTURES.items() if n.latin]):
        latin = human.latin(human.family), human.latin(human.given)
        for form in make.forms(*latin):
            yield make.pair(
                'in another script, with the birth date', RIGHT,
                (form, human.birth_date, None), _person(human))
        yield make.pair(
            'in another script, with the birth date', RIGHT,
            (f'{human.family}^{human.given}', human.birth_date, None),
            (*latin, human.birth_date, human.sex))
        yield make.pair(
            'in two scripts', RIGHT,
            ('^'.join(latin) + f'={human.family}^{human.given}', None, None),
            _person(human))
    for native, spellings in ROMANIZED:
        for spelling in _words(spellings):
            date = make.date()
            for name, known in CROSS_FAMILY.values():
                if _script(known)[:4] == _script(native)[:4]:
                    yield make.pair(
                        'other ways to romanize', RIGHT,
                        (f'{name}^{spelling}', date, None),
                        (known, native, date, None))


# What is of the person, but for a slip

def _slips(make, text):
    "Return the text with one slip of typing, in its longest word"
    word = max(re.findall(r'\w+', text), key=len)
    letters = 'abcdefghijklmnoprstuvwxyz' if ord(word[-1]) < 0x250 else word
    slip = word
    for _ in range(50):
        at = make.random.randrange(len(word) > 1, len(word))
        letter = make.choose(letters)
        slip = make.choose([
                word[:at] + word[at + 1:], word[:at] + letter + word[at + 1:],
                word[:at] + letter + word[at:],
                word[:at] + word[at:at + 2][::-1] + word[at + 2:]])
        # Neither an accent nor an initial, which says nothing
        if len(slip) > 1 and (
                _bare(slip).casefold() != _bare(word).casefold()):
            break
    return text.replace(word, slip)


@_kind
def slips_in_family_names(make):
    for human in make.humans(14, _LONG):
        if len(human.family) < 4:
            continue
        slip = _slips(make, human.family)
        for name in [
                f'{slip}^{human.given}', f'{slip}^{human.given}'.upper(),
                f'{slip} {human.given}', f'{human.given} {slip}']:
            yield make.pair(
                'one slip in the family name', SLIP,
                (name, human.birth_date, make.choose([
                            None, human.sex.upper()])), _person(human))


@_kind
def arabic_keyboards(make):
    for human in make.humans(30, ['arabic', 'persian']):
        name = f'{human.family}^{human.given}'
        variant = name.translate(ARABIC_VARIANTS)
        if variant != name:
            yield make.pair(
                'Arabic keyboards', SLIP, (variant, human.birth_date, None),
                _person(human))


@_kind
def han_variants(make):
    for names in HAN:
        for one, other in [names, names[::-1]]:
            date = make.date()
            for given in ['伟明', '花子', '志強']:
                yield make.pair(
                    'simplified and traditional Han', SLIP,
                    (f'={other}^{given}', date, None),
                    (one, given, date, None))


@_kind
def long_vowels(make):
    for one, two, three, four in LONG_VOWELS:
        for reported, known in [
                ((one, two), (three, four)), ((three, four), (one, two)),
                ((three, two), (one, four))]:
            date = make.date()
            yield make.pair(
                'Japanese long vowels', SLIP,
                ('^'.join(reported).upper(), date, None),
                (*known, date, None))


@_kind
def abbreviations(make):
    for one, other in ABBREVIATED:
        for reported, known in [(one, other), (other, one)]:
            for second in ['', ' Elena']:
                date = make.date()
                yield make.pair(
                    'abbreviations', SLIP,
                    (f'Soto^{reported}{second}', date, None),
                    ('Soto', f'{known}{second}', date, None))
    for one, other in ABBREVIATED_FAMILIES:
        for reported, known in [(one, other), (other, one)]:
            for given in ['Robin', 'Ana María', 'Jean']:
                date = make.date()
                yield make.pair(
                    'abbreviations', SLIP,
                    (f'{reported}^{given}', date, None),
                    (known, given, date, None))


def _mojibakes(text):
    for written, read in [
            ('utf-8', 'latin-1'), ('utf-8', 'cp1252'), ('cp1252', 'cp850'),
            ('cp1252', 'mac-roman'), ('iso8859-5', 'latin-1'),
            ('cp1251', 'cp1252'), ('cp1251', 'latin-1'),
            ('koi8-r', 'latin-1'), ('iso8859-7', 'latin-1'),
            ('cp1256', 'cp1252'), ('iso8859-2', 'latin-1'),
            ('cp1254', 'cp1252'), ('iso8859-8', 'latin-1'),
            ('shift-jis', 'latin-1'), ('gb18030', 'latin-1'),
            ('euc-kr', 'latin-1'), ('tis-620', 'latin-1')]:
        try:
            garbled = text.encode(written).decode(read)
        except UnicodeError:
            continue
        if garbled != text and garbled.isprintable() and '=' not in (
                garbled) and garbled.count('^') == 1 and (
                '\\' not in garbled):
            yield garbled


@_kind
def mojibake(make):
    for human in make.humans(6):
        name = f'{human.family}^{human.given}'
        for garbled in _mojibakes(name):
            yield make.pair(
                'mojibake', SLIP, (garbled, human.birth_date, None),
                _person(human))
        lost = ''.join(
            '?' if 0xc0 <= ord(c) < 0x250 else c for c in name)
        if lost != name:
            yield make.pair(
                'letters lost', SLIP, (lost, human.birth_date, None),
                _person(human))


@_kind
def cut_short(make):
    for family, given in [
            ('Papadopoulou', 'Alexandra'), ('Wickramasinghe-Fernando',
                'Ruwan'), ('Krishnamurthy', 'Lakshmi'),
            ('Schmidt-Rottluff', 'Anna'), ('Rodríguez García', 'Carmen'),
            ('van der Westhuizen', 'Pieter'), ('Whitfield', 'Elizabeth'),
            ('Lindström', 'Margareta'), ('Chukwuemeka', 'Nnamdi'),
            ('Smith', 'Anna Margarethe Sophie')]:
        date = make.date()
        for text in [
                f'{family}^{given}'[:16], f'{family[:16]}^{given}',
                f'{family}^{given}'.upper()[:16]]:
            if len(text) < len(f'{family}^{given}'):
                yield make.pair(
                    'cut at 16 characters', SLIP, (text, date, None),
                    (family, given, date, None))
        long = f'{family}^{given} {"Maria Theresia Walburga " * 4}'.strip()
        yield make.pair(
            'cut at 64 characters', SLIP, (long[:64], date, None),
            (family, long.partition('^')[2], date, None))


@_kind
def counters(make):
    for human in make.humans(4):
        for counter in ['1', '2', '001', '123456', '(2)', '#3', '_2']:
            for form in ['{0.family}^{0.given} {1}', '{0.family}^{0.given}{1}',
                    '{0.family}^{0.given}^^^{1}', '{0.family} {1}^{0.given}']:
                yield make.pair(
                    'a counter after the name', SLIP,
                    (form.format(human, counter), human.birth_date, None),
                    _person(human))


@_kind
def written_identifiers(make):
    for human in make.humans(4):
        for patient_id in ['GNU-100203', 'gnu100203', 'GNU 100 203',
                'Gnu.100.203', 'GNU_100203', 'GNU/100203']:
            yield make.pair(
                'ID with separators, where they are ignored', SLIP,
                (f'{human.family}^{human.given}', human.birth_date, None),
                _person(human), patient_id=patient_id,
                rules=Rules(ignore_case=True, ignore_separators=True))


_LATIN = [c for c, n in CULTURES.items() if n.families[0][0] < '\u0250']
_LONG = [*_LATIN, 'russian', 'ukrainian', 'greek', 'arabic', 'persian']


if __name__ == '__main__':
    import sys
    result = evaluate()
    print('\n'.join(table(result)))
    if sys.argv[1:]:
        for (label, kind), (_, _, failed) in sorted(result.items()):
            if any(a in (label, kind) or a == 'all' for a in sys.argv[1:]):
                for pair in failed[:25]:
                    print(
                        label, '|', kind, '|', pair.reported.person_name, '|',
                        pair.person.names[0], pair.reported.birth_date)
